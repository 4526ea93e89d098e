//! The server's side of an action of ROS 2: three services and two topics, as "Actions" on design.ros2.org describes them.
//!
//! Why not r2r's: once it may forget a goal, ten seconds after its end, it never does, and its wait returns at once from then
//! on, which costs a quarter of a core (r2r issue 136).

use crate::ros::support::respond::respond;
use crate::ros::{each, locked};
use r2r::QosProfile;
use r2r::action_msgs::msg::{GoalInfo, GoalStatus, GoalStatusArray};
use r2r::action_msgs::srv::CancelGoal;
use r2r::builtin_interfaces::msg::Time;
use r2r::grating_calibration::action::Calibrate::{Feedback, FeedbackMessage, GetResult, Goal, Result, SendGoal};
use r2r::unique_identifier_msgs::msg::UUID;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tokio::task::spawn_blocking;

/// Goals that clients can ask about after their end.
const KEPT: usize = 32;

/// How long a new client's reader of feedback is waited for.
const LISTENER_PATIENCE: Duration = Duration::from_secs(1);

/// How far a goal is; the numbers are those of action_msgs/GoalStatus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Unknown = 0,
    Executing = 2,
    Canceling = 3,
    Succeeded = 4,
    Canceled = 5,
    Aborted = 6,
}

impl State {
    fn is_over(self) -> bool {
        matches!(self, State::Succeeded | State::Canceled | State::Aborted)
    }
}

/// What is known about one goal; `W` waits for its result.
struct Entry<W> {
    info: GoalInfo,
    state: State,
    result: Result,
    waiting: Vec<W>,
}

/// All goals that are known, oldest first.
struct Book<W>(VecDeque<Entry<W>>);

impl<W> Book<W> {
    /// Begins a goal; `false` where its id is in use.
    fn begin(&mut self, info: GoalInfo) -> bool {
        if self.find(&info.goal_id).is_some() {
            return false;
        }
        while self.0.len() >= KEPT
            && let Some(oldest) = self.0.iter().position(|entry| entry.state.is_over())
        {
            self.0.remove(oldest);
        }
        self.0.push_back(Entry { info, state: State::Executing, result: Result::default(), waiting: Vec::new() });
        true
    }

    fn find(&mut self, id: &UUID) -> Option<&mut Entry<W>> {
        self.0.iter_mut().find(|entry| entry.info.goal_id == *id)
    }

    /// Marks goals as to be cancelled: the one asked for, and all until a time, or all where neither is given.
    fn cancel(&mut self, asked: &GoalInfo) -> CancelGoal::Response {
        let by_id = asked.goal_id.uuid.iter().any(|byte| *byte != 0);
        let by_time = asked.stamp != Time::default();
        let until = |stamp: &Time| (stamp.sec, stamp.nanosec) <= (asked.stamp.sec, asked.stamp.nanosec);
        let is_meant = |info: &GoalInfo| match (by_id, by_time) {
            (false, false) => true,
            (true, false) => info.goal_id == asked.goal_id,
            (false, true) => until(&info.stamp),
            (true, true) => info.goal_id == asked.goal_id || until(&info.stamp),
        };
        let mut goals_canceling = Vec::new();
        for entry in self.0.iter_mut().filter(|entry| entry.state == State::Executing && is_meant(&entry.info)) {
            entry.state = State::Canceling;
            goals_canceling.push(entry.info.clone());
        }
        use CancelGoal::Response;
        let return_code = match self.find(&asked.goal_id) {
            None if by_id => Response::ERROR_UNKNOWN_GOAL_ID as i8,
            Some(_) if goals_canceling.is_empty() => Response::ERROR_GOAL_TERMINATED as i8,
            _ => Response::ERROR_NONE as i8,
        };
        Response { return_code, goals_canceling }
    }

    /// The result, if the goal has one or is not known; else `waiting` waits for it.
    fn result(&mut self, id: &UUID, waiting: W) -> Option<(W, GetResult::Response)> {
        match self.find(id) {
            None => Some((waiting, GetResult::Response { status: State::Unknown as i8, result: Result::default() })),
            Some(entry) if entry.state.is_over() => {
                Some((waiting, GetResult::Response { status: entry.state as i8, result: entry.result.clone() }))
            }
            Some(entry) => {
                entry.waiting.push(waiting);
                None
            }
        }
    }

    /// Ends a goal; gives who waited for it.
    fn end(&mut self, id: &UUID, state: State, result: Result) -> Vec<W> {
        let Some(entry) = self.find(id) else { return Vec::new() };
        (entry.state, entry.result) = (state, result);
        std::mem::take(&mut entry.waiting)
    }

    fn statuses(&self) -> GoalStatusArray {
        let status = |entry: &Entry<W>| GoalStatus { goal_info: entry.info.clone(), status: entry.state as i8 };
        GoalStatusArray { status_list: self.0.iter().map(status).collect() }
    }
}

/// The server of one action.
pub struct ActionServer {
    name: String,
    book: Mutex<Book<r2r::ServiceRequest<GetResult::Service>>>,
    status: Mutex<r2r::Publisher<GoalStatusArray>>,
    feedback: Mutex<r2r::Publisher<FeedbackMessage>>,
}

/// A goal that runs.
pub struct RunningGoal {
    server: Arc<ActionServer>,
    id: UUID,
}

impl ActionServer {
    /// Offers the action `name`. `take` is asked to take each goal, and begins it with what it is given; `cancel` is told that
    /// clients want goals cancelled; `now` tells the time.
    ///
    /// # Errors
    /// Those of r2r.
    pub fn offer<T: FnOnce(RunningGoal) + Send + 'static>(
        node: &mut r2r::Node,
        name: &str,
        take: impl Fn(Goal) -> Option<T> + Send + 'static,
        cancel: impl Fn() + Send + 'static,
        now: impl Fn() -> Time + Send + 'static,
    ) -> r2r::Result<()> {
        let part = |part: &str| format!("{name}/_action/{part}");
        let latched = QosProfile::default().keep_last(1).reliable().transient_local();
        let server = Arc::new(ActionServer {
            name: name.into(),
            book: Mutex::new(Book(VecDeque::new())),
            status: node.create_publisher(&part("status"), latched)?.into(),
            feedback: node.create_publisher(&part("feedback"), QosProfile::default())?.into(),
        });
        let qos = QosProfile::services_default;
        let goals = node.create_service::<SendGoal::Service>(&part("send_goal"), qos())?;
        let cancels = node.create_service::<CancelGoal::Service>(&part("cancel_goal"), qos())?;
        let results = node.create_service::<GetResult::Service>(&part("get_result"), qos())?;
        each(goals, {
            let server = server.clone();
            move |request| server.take_goal(request, &take, now())
        });
        each(cancels, {
            let server = server.clone();
            move |request| {
                let response = locked(&server.book).cancel(&request.message.goal_info);
                let any = !response.goals_canceling.is_empty();
                server.respond(request, response);
                if any {
                    server.publish_status();
                    cancel();
                }
            }
        });
        each(results, move |request| {
            let id = request.message.goal_id.clone();
            let answer = locked(&server.book).result(&id, request);
            if let Some((request, response)) = answer {
                server.respond(request, response);
            }
        });
        Ok(())
    }

    fn take_goal<T: FnOnce(RunningGoal) + Send + 'static>(
        self: &Arc<Self>,
        mut request: r2r::ServiceRequest<SendGoal::Service>,
        take: impl Fn(Goal) -> Option<T>,
        stamp: Time,
    ) {
        let info = GoalInfo { goal_id: request.message.goal_id.clone(), stamp: stamp.clone() };
        let id = info.goal_id.clone();
        let goal = std::mem::take(&mut request.message.goal);
        let is_new = locked(&self.book).find(&id).is_none();
        let run = if is_new { take(goal) } else { None };
        let server = self.clone();
        let begun = run.filter(|_| locked(&self.book).begin(info));
        let begun = begun.map(|run| (run, RunningGoal { server: self.clone(), id }));
        spawn_blocking(move || {
            let answer = SendGoal::Response { accepted: begun.is_some(), stamp };
            let is_told = respond(&server.name, request, answer);
            let Some((run, goal)) = begun else { return };
            // Nothing moves that its client does not know of. An answer to one that has gone counts as sent.
            if is_told && server.has_listener() {
                server.publish_status();
                run(goal);
            } else {
                // Whoever sends it again finds the robot free.
                drop(run);
                let reason = "its client was not there to be told that it was accepted: send it again";
                tracing::warn!("{}: a goal was not begun: {reason}", server.name);
                goal.end(State::Aborted, Result { reason: reason.into(), ..Result::default() });
            }
        });
    }

    /// Whether a client listens to feedback, as all of rcl do; one that is only being discovered is waited for.
    fn has_listener(&self) -> bool {
        let begun = Instant::now();
        loop {
            let count = locked(&self.feedback).get_inter_process_subscription_count();
            // Where it can't be told, the answer has to do.
            if count.map_or(true, |count| count > 0) {
                return true;
            }
            if begun.elapsed() > LISTENER_PATIENCE {
                return false;
            }
            sleep(Duration::from_millis(20));
        }
    }

    fn respond<S>(&self, request: r2r::ServiceRequest<S>, response: S::Response)
    where
        S: r2r::WrappedServiceTypeSupport + Clone + 'static,
        S::Response: Send,
    {
        let name = self.name.clone();
        spawn_blocking(move || respond(&name, request, response));
    }

    fn publish_status(&self) {
        let statuses = locked(&self.book).statuses();
        if let Err(error) = locked(&self.status).publish(&statuses) {
            tracing::warn!("{}: the goals' status could not be sent: {error}", self.name);
        }
    }
}

impl RunningGoal {
    pub fn publish_feedback(&self, feedback: Feedback) {
        let message = FeedbackMessage { goal_id: self.id.clone(), feedback };
        if let Err(error) = locked(&self.server.feedback).publish(&message) {
            tracing::warn!("{}: feedback could not be sent: {error}", self.server.name);
        }
    }

    /// Whether a client has asked for its end.
    pub fn is_canceling(&self) -> bool {
        locked(&self.server.book).find(&self.id).is_some_and(|entry| entry.state == State::Canceling)
    }

    /// Ends it.
    pub fn end(&self, state: State, result: Result) {
        let waiting = locked(&self.server.book).end(&self.id, state, result.clone());
        for request in waiting {
            self.server.respond(request, GetResult::Response { status: state as i8, result: result.clone() });
        }
        self.server.publish_status();
    }
}

impl Drop for RunningGoal {
    fn drop(&mut self) {
        let is_over = locked(&self.server.book).find(&self.id).is_none_or(|entry| entry.state.is_over());
        if !is_over {
            let reason = "the node failed: its log says why".into();
            self.end(State::Aborted, Result { reason, ..Result::default() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(id: u8, sec: i32) -> GoalInfo {
        GoalInfo { goal_id: UUID { uuid: vec![id; 16] }, stamp: Time { sec, nanosec: 0 } }
    }

    fn book() -> Book<u8> {
        let mut book = Book(VecDeque::new());
        (1..=4).for_each(|n| assert!(book.begin(info(n, i32::from(n)))));
        book.end(&info(1, 0).goal_id, State::Succeeded, Result::default());
        book
    }

    #[test]
    fn cancelling_means_the_goals_that_the_design_says() {
        let asked = |asked: GoalInfo| {
            let response = book().cancel(&asked);
            (response.return_code, response.goals_canceling.iter().map(|goal| goal.goal_id.uuid[0]).collect::<Vec<_>>())
        };
        // All; one; until a time; one and until a time.
        assert_eq!(asked(info(0, 0)), (0, vec![2, 3, 4]));
        assert_eq!(asked(info(3, 0)), (0, vec![3]));
        assert_eq!(asked(info(0, 3)), (0, vec![2, 3]));
        assert_eq!(asked(info(4, 2)), (0, vec![2, 4]));
        // Unknown; over; under way already.
        assert_eq!(asked(info(9, 0)), (2, vec![]));
        assert_eq!(asked(info(1, 0)), (3, vec![]));
        let mut book = book();
        book.cancel(&info(2, 0));
        assert_eq!(book.cancel(&info(2, 0)).return_code, 3);
        let states: Vec<i8> = book.statuses().status_list.iter().map(|status| status.status).collect();
        assert_eq!(states, [4, 3, 2, 2]);
    }

    #[test]
    fn results_wait_for_the_end_and_stay() {
        let mut book = book();
        let of = |reason: &str| Result { reason: reason.into(), ..Result::default() };
        assert!(book.result(&info(2, 0).goal_id, 7).is_none());
        assert_eq!(book.end(&info(2, 0).goal_id, State::Aborted, of("why")), [7]);
        let (_, later) = book.result(&info(2, 0).goal_id, 8).unwrap();
        assert_eq!((later.status, later.result.reason.as_str()), (6, "why"));
        assert_eq!(book.result(&info(9, 0).goal_id, 9).unwrap().1.status, 0);
        assert!(!book.begin(info(2, 5)), "an id is used once");
    }

    #[test]
    fn old_goals_are_forgotten_but_none_that_runs() {
        let mut book = book();
        for n in 10..200 {
            assert!(book.begin(info(n, 0)));
            book.end(&info(n, 0).goal_id, State::Succeeded, Result::default());
        }
        assert_eq!(book.0.len(), KEPT);
        let running = book.0.iter().filter(|entry| entry.state == State::Executing).count();
        assert_eq!((running, book.0.back().map(|entry| entry.info.goal_id.uuid[0])), (3, Some(199)));
    }
}
