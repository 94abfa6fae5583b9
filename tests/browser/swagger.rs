//! The page of Swagger UI, by what a person does on it.

use std::time::Duration;

use fantoccini::elements::Element;
use fantoccini::{Client, Locator};

/// How long the page may take to show something.
const PATIENCE: Duration = Duration::from_secs(20);

/// The page in an open browser.
pub struct Swagger<'a>(pub &'a Client);

/// One operation of the page, opened to be tried.
pub struct Operation<'a> {
    page: &'a Swagger<'a>,
    id: String,
}

impl Swagger<'_> {
    /// Types a token into *Authorize* and closes the dialogue.
    pub async fn authorize(&self, token: &str) {
        self.click(".auth-wrapper > .authorize").await;
        self.find(".auth-container input").await.send_keys(token).await.unwrap();
        self.click(".auth-btn-wrapper > .authorize").await;
        self.click(".auth-btn-wrapper > .btn-done").await;
    }

    /// Opens an operation.
    pub async fn open(&self, tag: &str, operation: &str) -> Operation<'_> {
        let opened = Operation {
            page: self,
            id: format!("#operations-{tag}-{operation}"),
        };
        self.click(&format!("{} .opblock-summary-control", opened.id)).await;
        opened
    }

    /// Scrolls to an element, for whoever looks at a picture.
    async fn show(&self, element: &Element) {
        let element = serde_json::to_value(element).unwrap();
        let scrolled = self
            .0
            .execute("arguments[0].scrollIntoView({ block: 'center' })", vec![element]);
        scrolled.await.unwrap();
    }

    async fn click(&self, css: &str) {
        self.find(css).await.click().await.unwrap();
    }

    /// The first element that fits, once there is one.
    async fn find(&self, css: &str) -> Element {
        let found = self.0.wait().at_most(PATIENCE).for_element(Locator::Css(css)).await;
        found.unwrap_or_else(|error| panic!("{css}: {error}"))
    }
}

impl Operation<'_> {
    /// Puts an example of the document into the body.
    pub async fn choose_example(&self, name: &str) {
        let select = self.find(".examples-select-element").await;
        select.select_by_value(name).await.unwrap();
    }

    /// What the body holds.
    pub async fn body(&self) -> String {
        self.find(".body-param__text")
            .await
            .prop("value")
            .await
            .unwrap()
            .unwrap_or_default()
    }

    /// Sends the request, and gives the status and the body of the answer.
    pub async fn execute(&self) -> (String, String) {
        self.find(".execute").await.click().await.unwrap();
        let status = self
            .find(".live-responses-table .response > .response-col_status")
            .await;
        self.page.show(&status).await;
        let body = self.find(".live-responses-table .response .highlight-code > pre").await;
        (status.text().await.unwrap(), body.text().await.unwrap())
    }

    async fn find(&self, css: &str) -> Element {
        self.page.find(&format!("{} {css}", self.id)).await
    }
}
