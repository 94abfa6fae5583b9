//! `/accounts`: what is configured, and how it fares.

use actix_web::HttpResponse;
use serde::Serialize;
use utoipa::ToSchema;

use super::edge::Edge;
use crate::domain::caller::Scope;
use crate::domain::error::Error;
use crate::usecases::accounts::AccountView;

/// The accounts the caller may see.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountList {
    /// The accounts by name.
    data: Vec<AccountView>,
}

/// List accounts
///
/// The provider accounts you may see, what each can do and how it fares. Keys are shown by their identifiers only.
#[utoipa::path(
    get,
    path = "/accounts",
    operation_id = "listAccounts",
    tag = "Accounts",
    security(("bearer" = ["accounts:read"])),
    responses((status = 200, description = "The accounts.", body = AccountList)),
)]
pub async fn list(edge: Edge) -> Result<HttpResponse, Error> {
    let caller = edge.caller(Scope::AccountsRead)?;
    edge.params().finish()?;
    let data = edge.gateway().accounts(Some(&caller)).await?;
    Ok(HttpResponse::Ok().json(AccountList { data }))
}

/// Every account, for the management listener, which asks for no token.
pub async fn list_all(edge: Edge) -> Result<HttpResponse, Error> {
    let data = edge.gateway().accounts(None).await?;
    Ok(HttpResponse::Ok().json(AccountList { data }))
}
