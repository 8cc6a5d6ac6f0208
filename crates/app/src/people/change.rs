//! Has a change of people made by the process that holds the state: the running `serve`, or this
//! one.

use outflow_core::Error;

use super::changes::{PeopleAnswer, PeopleChange, make};
use crate::control::{self, Answer, Request};
use crate::{App, Caller, holder};

impl App {
    /// Makes a change, or has the running `serve` make it.
    pub(crate) async fn change_people(&self, change: PeopleChange) -> Result<PeopleAnswer, Error> {
        self.change_people_for(change, true, &Caller::silent()).await
    }

    /// As [`App::change_people`]. `wait`: while another process holds the state and takes no
    /// requests.
    pub(crate) async fn change_people_for(
        &self,
        change: PeopleChange,
        wait: bool,
        caller: &Caller,
    ) -> Result<PeopleAnswer, Error> {
        let request = Request::People { change };
        match self.ask(&request, caller).await? {
            Some(Answer::People(answer)) => return Ok(answer),
            Some(_) => return Err(control::other_answer()),
            None => {}
        }
        let Request::People { change } = request else { return Err(control::other_answer()) };
        let state = holder::open_state(self, wait, caller).await?;
        make(&*state, &self.actor, change).await
    }
}
