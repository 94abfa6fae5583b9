//! What is promised to subscribers, over a store in memory, a clock that is moved, and receivers that do as told.

mod bed;
mod days;
mod ends;
mod faults;
mod lists;
mod owners;
