//! The figures to reach, as ratios to a peer of the same run or as counts.

use crate::peers::Peer;
use crate::slope::{self, Slope};
use crate::speed::{Load, Speeds, Way};
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
    let slope = |way| slope::of_postfix(slopes, way);
    line(
        "slope, Postfix, warm, alone",
        slope(Way::ALONE),
        &Limit::AtMost(2. * 1.05),
    );
    line(
        "slope, Postfix, batch of ten",
        slope(Way::BATCH),
        &Limit::AtMost(1.3),
    );

    let nodemailer = Way::of(Peer::Nodemailer).in_batches();
    let nodelay = Way::of(Peer::LettreNodelay).in_batches();
    let ratio = |figure: usize, load, peer| {
        speeds.of(Way::BATCH, load)[figure] / speeds.of(peer, load)[figure]
    };
    for (what, measured, limit) in [
        (
            "CPU, 5 KB, of nodemailer's",
            ratio(1, Load::Small, nodemailer),
            Limit::AtMost(0.1),
        ),
        (
            "CPU, 5 KB, of lettre's with TCP_NODELAY",
            ratio(1, Load::Small, nodelay),
            Limit::AtMost(0.5),
        ),
        (
            "CPU, 1 MB, of nodemailer's",
            ratio(1, Load::Large, nodemailer),
            Limit::AtMost(0.1),
        ),
        (
            "messages a second, 5 KB, times nodemailer's",
            ratio(0, Load::Small, nodemailer),
            Limit::AtLeast(5.),
        ),
        (
            "memory, 5 KB, ten sessions, MB",
            speeds.of(Way::TEN_SESSIONS, Load::Small)[2],
            Limit::AtMost(24.),
        ),
        (
            "memory, 1 MB, ten sessions, MB",
            speeds.of(Way::TEN_SESSIONS, Load::Large)[2],
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
