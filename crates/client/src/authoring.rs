//! What a run would be, and moving a project into the server.

use std::path::PathBuf;

use outflow_app::{
    App, ApplyDocument, Caller, Errors, EstimateDocument, EstimateRequest, PlanDocument, PlanRequest,
    PreviewDocument, PreviewFailure, PreviewRequest, PreviewStart,
};
use outflow_core::{BoxFuture, Code, Error, Timestamp};
use serde_json::json;

use crate::ask::encoded;
use crate::{Answer, Server, answer};

/// What would change on a server, and what it was computed from.
pub struct Plan {
    /// The plan itself.
    pub document: PlanDocument,
    text: String,
    prune: bool,
    /// The server makes the changes of this plan, or none.
    tag: Option<String>,
}

impl Server {
    /// The first rows of a run.
    pub fn preview<'a>(
        &'a self,
        request: &'a PreviewRequest,
    ) -> BoxFuture<'a, Result<PreviewDocument, PreviewFailure>> {
        Box::pin(async move {
            self.check().await?;
            if request.once {
                let message = "a server looks for columns that differ by themselves";
                return Err(Error::new(Code::NotOverServer, message).at("--once").into());
            }
            let (first, since) = begin(request.start);
            let body = json!({
                "first": first, "since": since, "calls": request.calls, "requests": request.requests,
                "limit": request.limit,
            });
            let ask = self.post(format!("syncs/{}/preview", encoded(&request.sync))).body(body).long();
            let mut shown: PreviewDocument = ask.document().await?;
            shown.count_rows();
            Ok(shown)
        })
    }

    /// What a run would come to.
    pub fn estimate<'a>(&'a self, request: &'a EstimateRequest) -> Answer<'a, EstimateDocument> {
        Box::pin(async move {
            self.check().await?;
            let (first, since) = begin(request.start);
            let seconds = request.timeout.as_secs();
            let body = json!({ "first": first, "since": since, "timeout_seconds": seconds });
            let ask = self.post(format!("syncs/{}/estimate", encoded(&request.sync)));
            ask.body(body).long().document().await
        })
    }

    /// What would change if the project in a folder here were moved into the server.
    pub fn plan<'a>(&'a self, request: &'a PlanRequest) -> Answer<'a, Plan> {
        Box::pin(async move {
            self.check().await?;
            let PlanRequest { folder, prune } = request.clone();
            let text = text(folder).await?;
            let body = json!({ "text": text, "prune": prune });
            let ask = self.post("project/plan").body(body).long();
            let (tag, bytes) = ask.tagged().await?;
            Ok(Plan { document: answer::document(self, &bytes)?, text, prune, tag })
        })
    }

    /// Makes the changes of a plan, all or none.
    pub fn apply<'a>(&'a self, plan: &'a Plan, _: bool, _: &'a Caller) -> Answer<'a, ApplyDocument> {
        Box::pin(async move {
            let body = json!({ "text": plan.text, "prune": plan.prune });
            let ask = self.post("project/apply").body(body).long();
            ask.header("if-match", plan.tag.as_deref()).document().await
        })
    }
}

/// The project in this folder as one text.
async fn text(folder: PathBuf) -> Result<String, Errors> {
    App::new(folder, None).project_text().await
}

fn begin(start: PreviewStart) -> (bool, Option<Timestamp>) {
    match start {
        PreviewStart::First => (true, None),
        PreviewStart::Next => (false, None),
        PreviewStart::At(at) => (false, Some(at)),
    }
}
