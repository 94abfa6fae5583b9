//! The pages of the problems, as JSON or, where a browser asks, as HTML.

use actix_web::http::header::{ACCEPT, ContentType};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use super::table::kind_of;
use crate::api::edge::Edge;
use crate::domain::error::{Error, Problem};

/// What a problem means, for whoever met it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemPage {
    /// The path of this page, as in the `type` of a problem.
    #[serde(rename = "type")]
    #[schema(example = "/problems/not-found")]
    kind: String,
    /// The title every occurrence has.
    title: &'static str,
    /// The HTTP status every occurrence has.
    status: u16,
    /// What it means and what to do.
    description: &'static str,
}

/// Every problem this API tells.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemList {
    /// The pages, by status.
    data: Vec<ProblemPage>,
}

impl From<Problem> for ProblemPage {
    fn from(problem: Problem) -> Self {
        let kind = kind_of(problem);
        Self {
            kind: format!("/problems/{problem}"),
            title: kind.title,
            status: kind.status.as_u16(),
            description: kind.text,
        }
    }
}

/// List the problems
///
/// Every `type` an error answer of this API can have. Open without a token.
#[utoipa::path(
    get,
    path = "/problems",
    operation_id = "listProblems",
    tag = "System",
    responses((status = 200, description = "Every problem.", body = ProblemList)),
)]
pub async fn list(edge: Edge) -> Result<HttpResponse, Error> {
    edge.params().finish()?;
    let data: Vec<ProblemPage> = Problem::ALL.iter().copied().map(ProblemPage::from).collect();
    if wants_html(edge.request()) {
        return Ok(html("Problems", &data));
    }
    Ok(HttpResponse::Ok().json(ProblemList { data }))
}

/// Explain a problem
///
/// The page that the `type` of an error answer leads to. Open without a token.
#[utoipa::path(
    get,
    path = "/problems/{slug}",
    operation_id = "getProblem",
    tag = "System",
    params(("slug" = String, Path, description = "The last part of a problem's `type`.", example = "not-found")),
    responses((status = 200, description = "The problem.", body = ProblemPage)),
)]
pub async fn page(edge: Edge) -> Result<HttpResponse, Error> {
    let problem: Problem = edge.id("slug")?;
    edge.params().finish()?;
    let page = ProblemPage::from(problem);
    if wants_html(edge.request()) {
        return Ok(html(page.title, std::slice::from_ref(&page)));
    }
    Ok(HttpResponse::Ok().json(page))
}

fn wants_html(request: &HttpRequest) -> bool {
    let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

/// Nothing in the page comes from the request, so nothing needs escaping but what the table holds.
fn html(title: &str, pages: &[ProblemPage]) -> HttpResponse {
    let mut body = format!("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{title}</title>\n");
    for page in pages {
        let text = with_code(page.description);
        body += &format!(
            "<h2><a href=\"{kind}\">{title}</a></h2>\n<p>{status} <code>{kind}</code></p>\n<p>{text}</p>\n",
            kind = page.kind,
            title = page.title,
            status = page.status,
        );
    }
    HttpResponse::Ok().content_type(ContentType::html()).body(body)
}

/// Turns the text's back-quoted words into code.
fn with_code(text: &str) -> String {
    let part = |(index, part): (usize, &str)| match index % 2 {
        0 => part.to_owned(),
        _ => format!("<code>{part}</code>"),
    };
    text.split('`').enumerate().map(part).collect()
}
