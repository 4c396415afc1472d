//! The figures to reach, as ratios to a peer of the same run or as counts.

use crate::bench::Size;
use crate::peers::Peer;
use crate::slope::{self, Slope};
use crate::speed::{Speeds, Way};
use crate::table::{say_head, say_row};
use crate::turns::{Situation, Turns, ours};

enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

pub(crate) fn say(turns: &Turns, speeds: &Speeds, slopes: &Result<Vec<Slope>, String>) {
    say_head(["target", "limit", "measured", ""]);
    for (what, situation, limit) in [
        ("turns, warm, alone", Situation::Alone, 2.),
        (
            "turns, warm, alone, 10 recipients",
            Situation::AloneToTen,
            2.,
        ),
        ("turns, batch of ten", Situation::Batch, 1.1),
        (
            "turns, batch of ten, 10 recipients",
            Situation::BatchToTen,
            1.1,
        ),
        ("turns, without PIPELINING", Situation::Classic, 4.),
        (
            "round trips, cold, 465 and a login",
            Situation::ColdImplicit,
            7.,
        ),
        (
            "round trips, cold, 587 and a login",
            Situation::ColdStarttls,
            9.,
        ),
    ] {
        line(what, ours(turns, situation), &Limit::AtMost(limit));
    }
    // A slope is a measurement and not a count: five in a hundred are its noise.
    let slope = |way| slope::of(slopes, way);
    line(
        "slope, warm, alone",
        slope(Way::ALONE),
        &Limit::AtMost(2. * 1.05),
    );
    line(
        "slope, batch of ten",
        slope(Way::BATCH),
        &Limit::AtMost(1.1 * 1.05),
    );

    let nodemailer = Way::of(Peer::Nodemailer).in_batches();
    let nodelay = Way::of(Peer::LettreNodelay).in_batches();
    let ratio = |figure: usize, size, peer| {
        speeds.of(Way::BATCH, size)[figure] / speeds.of(peer, size)[figure]
    };
    for (what, measured, limit) in [
        (
            "CPU, 5 KB, of nodemailer's",
            ratio(1, Size::Small, nodemailer),
            Limit::AtMost(0.1),
        ),
        (
            "CPU, 5 KB, of lettre's with TCP_NODELAY",
            ratio(1, Size::Small, nodelay),
            Limit::AtMost(0.5),
        ),
        (
            "CPU, 1 MB, of nodemailer's",
            ratio(1, Size::Large, nodemailer),
            Limit::AtMost(0.1),
        ),
        (
            "messages a second, 5 KB, times nodemailer's",
            ratio(0, Size::Small, nodemailer),
            Limit::AtLeast(5.),
        ),
        (
            "memory, 5 KB, ten sessions, MB",
            speeds.of(Way::TEN_SESSIONS, Size::Small)[2],
            Limit::AtMost(24.),
        ),
        (
            "memory, 1 MB, ten sessions, MB",
            speeds.of(Way::TEN_SESSIONS, Size::Large)[2],
            Limit::AtMost(24.),
        ),
    ] {
        line(what, measured, &limit);
    }
}

fn line(what: &str, measured: f64, limit: &Limit) {
    // What is measured is compared as it is shown, or 2.0 could miss 2.0.
    let shown = (measured * 1000.).round() / 1000.;
    let (limit, met) = match limit {
        Limit::AtMost(limit) => (format!("≤ {limit:.2}"), shown <= *limit),
        Limit::AtLeast(limit) => (format!("≥ {limit:.2}"), shown >= *limit),
    };
    let verdict = match (measured.is_nan(), met) {
        (true, _) => "not measured",
        (false, true) => "met",
        (false, false) => "**missed**",
    };
    say_row([
        what.to_owned(),
        limit,
        format!("{measured:.3}"),
        verdict.to_owned(),
    ]);
}
