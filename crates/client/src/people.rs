//! The people who may sign in, and the tokens of programs.

use http::Method;
use outflow_app::people::{
    NewToken, NewTokenRequest, NewUser, NewUserRequest, RevokeTokenRequest, TokenEntry, TokenList,
    UserChangeRequest, UserDocument, UserList,
};
use outflow_app::{Caller, Errors, FORMAT_VERSION};
use outflow_core::Secret;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::ask::encoded;
use crate::{Answer, Server, answer};

impl Server {
    /// Every user.
    pub fn users<'a>(&'a self) -> Answer<'a, UserList> {
        Box::pin(self.all("users"))
    }

    /// Every token.
    pub fn tokens<'a>(&'a self) -> Answer<'a, TokenList> {
        Box::pin(self.all("tokens"))
    }

    /// The API has the same lists under another key.
    async fn all<T: DeserializeOwned>(&self, key: &str) -> Result<T, Errors> {
        self.check().await?;
        let mut list: Value = self.get(key).document().await?;
        answer::of_value(self, json!({ "format_version": FORMAT_VERSION, key: list["items"].take() }))
    }

    /// Makes a user.
    pub fn create_user<'a>(&'a self, request: &'a NewUserRequest, _: &'a Caller) -> Answer<'a, UserDocument> {
        Box::pin(async move {
            self.check().await?;
            let NewUserRequest { name, role, password, .. } = request;
            let password = password.as_ref().map(Secret::expose);
            self.post("users")
                .body(json!({ "name": name, "role": role, "password": password }))
                .document()
                .await
        })
    }

    /// Changes a user.
    pub fn change_user<'a>(
        &'a self,
        request: &'a UserChangeRequest,
        _: &'a Caller,
    ) -> Answer<'a, UserDocument> {
        Box::pin(async move {
            self.check().await?;
            let path = format!("users/{}", encoded(&request.name));
            let body = match &request.to {
                NewUser::Role(role) => json!({ "role": role }),
                NewUser::Disabled => json!({ "disabled": true }),
                NewUser::Enabled => json!({ "disabled": false }),
                NewUser::Password(password) => {
                    let body = json!({ "password": password.as_ref().map(Secret::expose) });
                    return self.post(format!("{path}/password")).body(body).document().await;
                }
            };
            self.ask(Method::PATCH, path).body(body).document().await
        })
    }

    /// Ends all sessions of a user.
    pub fn end_sessions<'a>(&'a self, name: &'a str, _: Option<&'a str>) -> Answer<'a, u64> {
        Box::pin(async move {
            self.check().await?;
            let path = format!("users/{}/sessions", encoded(name));
            let said: Value = self.ask(Method::DELETE, path).document().await?;
            Ok(said["ended"].as_u64().unwrap_or_default())
        })
    }

    /// Makes a token.
    pub fn create_token<'a>(&'a self, request: &'a NewTokenRequest, _: &'a Caller) -> Answer<'a, NewToken> {
        Box::pin(async move {
            self.check().await?;
            let NewTokenRequest { name, role, permissions, expires_after, .. } = request;
            let seconds = expires_after.map(|after| after.as_secs());
            let body = json!({
                "name": name, "role": role, "permissions": permissions, "expires_after": seconds,
            });
            self.post("tokens").body(body).document().await
        })
    }

    /// Revokes a token.
    pub fn revoke_token<'a>(
        &'a self,
        request: &'a RevokeTokenRequest,
        _: &'a Caller,
    ) -> Answer<'a, TokenEntry> {
        Box::pin(async move {
            self.check().await?;
            self.ask(Method::DELETE, format!("tokens/{}", encoded(&request.token))).document().await
        })
    }
}
