//! Reading verifications, and closing them.

use super::follow_call::{allows, allows_known, named};
use super::gateway::Gateway;
use super::list::Listing;
use super::records::{self, Change, Held};
use super::requests::{Page, Paging, VerificationQuery};
use super::verify::closed;
use crate::domain::caller::Caller;
use crate::domain::error::Error;
use crate::domain::ids::VerificationId;
use crate::domain::verification::{Ledger, Verification};
use crate::store::keys;

impl Gateway {
    /// Closes a verification.
    ///
    /// # Errors
    /// `verification-closed` where it is.
    pub async fn cancel_verification(&self, caller: &Caller, id: VerificationId) -> Result<Verification, Error> {
        Self::acting(caller)?;
        let held = self.own_ledger(caller, id).await?;
        let now = self.now();
        let (held, ()) = self
            .change(held, |ledger| {
                if !ledger.cancel(now) {
                    return Err(closed(&ledger.verification));
                }
                Ok(Change::Write(()))
            })
            .await?;
        Ok(held.object.verification)
    }

    /// A verification of the caller's.
    ///
    /// # Errors
    /// `not-found`.
    pub async fn verification(&self, caller: &Caller, id: VerificationId) -> Result<Verification, Error> {
        Ok(self.own_ledger(caller, id).await?.object.verification)
    }

    /// The caller's verifications, newest first.
    ///
    /// # Errors
    /// `invalid-cursor`, `cursor-expired`.
    pub async fn verifications(
        &self,
        caller: &Caller,
        query: VerificationQuery,
        paging: Paging,
    ) -> Result<Page<Verification>, Error> {
        let set = if caller.reads_all() {
            keys::verifications_all()
        } else {
            keys::verifications_of(&caller.tenant)
        };
        let listing = Listing {
            sets: vec![set],
            query: named(&query),
            window: query.window.meant,
            key: &|member| keys::verification(member),
        };
        let now = self.now();
        self.page(caller, listing, &paging, |bytes| {
            let mut verification = records::read::<Ledger>(bytes)?.verification;
            verification.expire(now);
            let wanted = allows(&query.to, &verification.to)
                && allows(&query.status, &verification.status)
                && allows_known(&query.tag, verification.tag.as_ref())
                && allows_known(&query.request_id, verification.request_id.as_ref());
            wanted.then_some(verification)
        })
        .await
    }

    /// A verification of the caller's. One whose time is over is closed in the store too: a clock that is set back later
    /// does not open it again.
    pub(super) async fn own_ledger(&self, caller: &Caller, id: VerificationId) -> Result<Held<Ledger>, Error> {
        let held = self.hold_ledger(id).await?;
        let held = held
            .filter(|held| caller.reads(&held.object.verification.tenant))
            .ok_or_else(Error::not_found)?;
        let now = self.now();
        if !held.object.verification.is_over(now) {
            return Ok(held);
        }
        let expire = |ledger: &mut Ledger| {
            Ok(match ledger.expire(now) {
                true => Change::Write(()),
                false => Change::Keep(()),
            })
        };
        Ok(self.change(held, expire).await?.0)
    }
}
