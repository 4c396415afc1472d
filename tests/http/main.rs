//! The API through its routers, with all functions and their storage behind it.

mod layers;
mod openapi;
mod smoke;
