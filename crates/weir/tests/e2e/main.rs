//! weir with real clients around it: FFmpeg, GStreamer, a browser, curl, OpenSSL and nginx.
//!
//! Each test starts a server of its own on free ports. Sources are made once and kept under
//! `target/tmp`. What a test needs and how it waits is `weir-testkit`.
#![expect(clippy::unwrap_used, reason = "tests say what is wrong by panicking")]

mod kit;

mod accounts;
mod admission;
mod apply;
mod browser;
mod chat;
mod chat_page;
mod chat_service;
mod clips;
mod console;
mod described;
mod disk_full;
mod drain;
mod drivers;
mod events;
mod gifts;
mod gstreamer;
mod hls;
mod hls_files;
mod key_sets;
mod killed;
mod leaves;
mod lifecycle;
mod matrix;
mod media_in;
mod nginx;
mod oidc;
mod operator;
mod pages;
mod pictures;
mod player;
mod proxy;
mod publish_slsp;
mod recording;
mod recording_access;
mod recording_file;
mod recording_players;
mod recording_rebuild;
mod replay_pages;
mod rest;
mod restart;
mod review;
mod sdk;
mod slsp;
mod slsp_browser;
mod slsp_ends;
mod slsp_paths;
mod slsp_refused;
mod slsp_session;
mod snapshots;
mod snapshots_broken;
mod store_away;
mod time_shift;
mod tls;
mod viewers;
