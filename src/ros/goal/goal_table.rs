//! The goals of an action: their states, their results, and who waits for those.

use r2r::action_msgs::msg::{GoalInfo, GoalStatus, GoalStatusArray};
use r2r::action_msgs::srv::CancelGoal;
use r2r::builtin_interfaces::msg::Time;
use r2r::grating_calibration::action::Calibrate::{GetResult, Result};
use r2r::unique_identifier_msgs::msg::UUID;
use std::collections::VecDeque;

/// Goals that clients can ask about after their end.
const MAX_GOALS: usize = 32;

/// How far a goal is; the numbers are those of action_msgs/GoalStatus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Of a goal that is not known.
    Unknown = 0,
    /// It runs.
    Executing = 2,
    /// It runs, and a client wants its end.
    Canceling = 3,
    /// It ended well.
    Succeeded = 4,
    /// A client ended it.
    Canceled = 5,
    /// It ended otherwise.
    Aborted = 6,
}

impl State {
    /// Whether it has ended.
    pub fn is_over(self) -> bool {
        matches!(self, State::Succeeded | State::Canceled | State::Aborted)
    }
}

/// What is known about one goal; `W` waits for its result.
struct KnownGoal<W> {
    info: GoalInfo,
    state: State,
    result: Result,
    waiting: Vec<W>,
}

/// All goals that are known, oldest first.
pub struct GoalTable<W>(VecDeque<KnownGoal<W>>);

impl<W> Default for GoalTable<W> {
    fn default() -> Self {
        GoalTable(VecDeque::new())
    }
}

impl<W> GoalTable<W> {
    /// Begins a goal; `false` where its id is in use.
    pub fn begin(&mut self, info: GoalInfo) -> bool {
        if self.find(&info.goal_id).is_some() {
            return false;
        }
        while self.0.len() >= MAX_GOALS
            && let Some(oldest) = self.0.iter().position(|goal| goal.state.is_over())
        {
            self.0.remove(oldest);
        }
        self.0.push_back(KnownGoal { info, state: State::Executing, result: Result::default(), waiting: Vec::new() });
        true
    }

    /// The state of a goal; `None` where it is not known.
    pub fn state(&mut self, id: &UUID) -> Option<State> {
        self.find(id).map(|goal| goal.state)
    }

    fn find(&mut self, id: &UUID) -> Option<&mut KnownGoal<W>> {
        self.0.iter_mut().find(|goal| goal.info.goal_id == *id)
    }

    /// Marks goals as to be cancelled: the one asked for, and all until a time, or all where neither is given.
    pub fn cancel(&mut self, asked: &GoalInfo) -> CancelGoal::Response {
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
        for goal in self.0.iter_mut().filter(|goal| goal.state == State::Executing && is_meant(&goal.info)) {
            goal.state = State::Canceling;
            goals_canceling.push(goal.info.clone());
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
    pub fn result(&mut self, id: &UUID, waiting: W) -> Option<(W, GetResult::Response)> {
        match self.find(id) {
            None => Some((waiting, GetResult::Response { status: State::Unknown as i8, result: Result::default() })),
            Some(goal) if goal.state.is_over() => {
                Some((waiting, GetResult::Response { status: goal.state as i8, result: goal.result.clone() }))
            }
            Some(goal) => {
                goal.waiting.push(waiting);
                None
            }
        }
    }

    /// Ends a goal; gives who waited for it.
    pub fn end(&mut self, id: &UUID, state: State, result: Result) -> Vec<W> {
        let Some(goal) = self.find(id) else { return Vec::new() };
        (goal.state, goal.result) = (state, result);
        std::mem::take(&mut goal.waiting)
    }

    /// As published.
    pub fn statuses(&self) -> GoalStatusArray {
        let status = |goal: &KnownGoal<W>| GoalStatus { goal_info: goal.info.clone(), status: goal.state as i8 };
        GoalStatusArray { status_list: self.0.iter().map(status).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(id: u8, sec: i32) -> GoalInfo {
        GoalInfo { goal_id: UUID { uuid: vec![id; 16] }, stamp: Time { sec, nanosec: 0 } }
    }

    fn table() -> GoalTable<u8> {
        let mut table = GoalTable::default();
        (1..=4).for_each(|n| assert!(table.begin(info(n, i32::from(n)))));
        table.end(&info(1, 0).goal_id, State::Succeeded, Result::default());
        table
    }

    #[test]
    fn cancelling_means_the_goals_that_the_design_says() {
        let asked = |asked: GoalInfo| {
            let response = table().cancel(&asked);
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
        let mut table = table();
        table.cancel(&info(2, 0));
        assert_eq!(table.cancel(&info(2, 0)).return_code, 3);
        let states: Vec<i8> = table.statuses().status_list.iter().map(|status| status.status).collect();
        assert_eq!(states, [4, 3, 2, 2]);
    }

    #[test]
    fn results_wait_for_the_end_and_stay() {
        let mut table = table();
        let of = |reason: &str| Result { reason: reason.into(), ..Result::default() };
        assert!(table.result(&info(2, 0).goal_id, 7).is_none());
        assert_eq!(table.end(&info(2, 0).goal_id, State::Aborted, of("why")), [7]);
        let (_, later) = table.result(&info(2, 0).goal_id, 8).unwrap();
        assert_eq!((later.status, later.result.reason.as_str()), (6, "why"));
        assert_eq!(table.result(&info(9, 0).goal_id, 9).unwrap().1.status, 0);
        assert!(!table.begin(info(2, 5)), "an id is used once");
    }

    #[test]
    fn old_goals_are_forgotten_but_none_that_runs() {
        let mut table = table();
        for n in 10..200 {
            assert!(table.begin(info(n, 0)));
            table.end(&info(n, 0).goal_id, State::Succeeded, Result::default());
        }
        assert_eq!(table.0.len(), MAX_GOALS);
        let running = table.0.iter().filter(|goal| goal.state == State::Executing).count();
        assert_eq!((running, table.0.back().map(|goal| goal.info.goal_id.uuid[0])), (3, Some(199)));
    }
}
