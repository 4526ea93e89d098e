//! The server's side of an action of ROS 2: three services and two topics, as "Actions" on design.ros2.org describes them.
//!
//! Why not r2r's: once it may forget a goal, ten seconds after its end, it never does, and its wait returns at once from then
//! on, which costs a quarter of a core (r2r issue 136).

use crate::ros::goal::goal_table::{GoalTable, State};
use crate::ros::support::respond::respond;
use crate::ros::{each, locked};
use r2r::QosProfile;
use r2r::action_msgs::msg::{GoalInfo, GoalStatusArray};
use r2r::action_msgs::srv::CancelGoal;
use r2r::builtin_interfaces::msg::Time;
use r2r::grating_calibration::action::Calibrate::{Feedback, FeedbackMessage, GetResult, Goal, Result, SendGoal};
use r2r::unique_identifier_msgs::msg::UUID;
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tokio::task::spawn_blocking;

/// Longest time for a new client's reader of feedback to be discovered, and time between two looks.
const LISTENER_PATIENCE: Duration = Duration::from_secs(1);
const LISTENER_POLL: Duration = Duration::from_millis(20);

/// Name of the action.
const NAME: &str = "~/calibrate";

/// The server of the action.
pub struct ActionServer {
    goals: Mutex<GoalTable<r2r::ServiceRequest<GetResult::Service>>>,
    status: Mutex<r2r::Publisher<GoalStatusArray>>,
    feedback: Mutex<r2r::Publisher<FeedbackMessage>>,
}

/// A goal that runs.
pub struct RunningGoal {
    server: Arc<ActionServer>,
    id: UUID,
}

impl ActionServer {
    /// Offers the action. `take` is asked to take each goal, and begins it with what it is given; `cancel` is told that clients
    /// want goals cancelled; `now` tells the time.
    ///
    /// # Errors
    /// Those of r2r.
    pub fn offer<T: FnOnce(RunningGoal) + Send + 'static>(
        node: &mut r2r::Node,
        take: impl Fn(Goal) -> Option<T> + Send + 'static,
        cancel: impl Fn() + Send + 'static,
        now: impl Fn() -> Time + Send + 'static,
    ) -> r2r::Result<()> {
        let latched = QosProfile::default().keep_last(1).reliable().transient_local();
        let server = Arc::new(ActionServer {
            goals: Mutex::default(),
            status: node.create_publisher("~/calibrate/_action/status", latched)?.into(),
            feedback: node.create_publisher("~/calibrate/_action/feedback", QosProfile::default())?.into(),
        });
        let qos = QosProfile::services_default;
        let goals = node.create_service::<SendGoal::Service>("~/calibrate/_action/send_goal", qos())?;
        let cancels = node.create_service::<CancelGoal::Service>("~/calibrate/_action/cancel_goal", qos())?;
        let results = node.create_service::<GetResult::Service>("~/calibrate/_action/get_result", qos())?;
        each(goals, {
            let server = server.clone();
            move |request| server.take_goal(request, &take, now())
        });
        each(cancels, {
            let server = server.clone();
            move |request| {
                let response = locked(&server.goals).cancel(&request.message.goal_info);
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
            let answer = locked(&server.goals).result(&id, request);
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
        let is_new = locked(&self.goals).state(&id).is_none();
        let run = if is_new { take(goal) } else { None };
        let server = self.clone();
        let begun = run.filter(|_| locked(&self.goals).begin(info));
        let begun = begun.map(|run| (run, RunningGoal { server: self.clone(), id }));
        spawn_blocking(move || {
            let answer = SendGoal::Response { accepted: begun.is_some(), stamp };
            let is_told = respond(NAME, request, answer);
            let Some((run, goal)) = begun else { return };
            // Nothing moves that its client does not know of. An answer to one that has gone counts as sent.
            if is_told && server.has_listener() {
                server.publish_status();
                run(goal);
            } else {
                // Whoever sends it again finds the robot free.
                drop(run);
                let reason = "its client was not there to be told that it was accepted: send it again";
                tracing::warn!("{NAME}: a goal was not begun: {reason}");
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
            sleep(LISTENER_POLL);
        }
    }

    fn respond<S>(&self, request: r2r::ServiceRequest<S>, response: S::Response)
    where
        S: r2r::WrappedServiceTypeSupport + Clone + 'static,
        S::Response: Send,
    {
        spawn_blocking(move || respond(NAME, request, response));
    }

    fn publish_status(&self) {
        let statuses = locked(&self.goals).statuses();
        if let Err(error) = locked(&self.status).publish(&statuses) {
            tracing::warn!("{NAME}: the goals' status could not be sent: {error}");
        }
    }
}

impl RunningGoal {
    /// Sends feedback to its client.
    pub fn publish_feedback(&self, feedback: Feedback) {
        let message = FeedbackMessage { goal_id: self.id.clone(), feedback };
        if let Err(error) = locked(&self.server.feedback).publish(&message) {
            tracing::warn!("{NAME}: feedback could not be sent: {error}");
        }
    }

    /// Whether a client has asked for its end.
    pub fn is_canceling(&self) -> bool {
        locked(&self.server.goals).state(&self.id) == Some(State::Canceling)
    }

    /// Ends it.
    pub fn end(&self, state: State, result: Result) {
        let waiting = locked(&self.server.goals).end(&self.id, state, result.clone());
        for request in waiting {
            self.server.respond(request, GetResult::Response { status: state as i8, result: result.clone() });
        }
        self.server.publish_status();
    }
}

impl Drop for RunningGoal {
    fn drop(&mut self) {
        let is_over = locked(&self.server.goals).state(&self.id).is_none_or(State::is_over);
        if !is_over {
            let reason = "the node failed: its log says why".into();
            self.end(State::Aborted, Result { reason, ..Result::default() });
        }
    }
}
