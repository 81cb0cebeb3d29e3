//! The shapes of metrics that several files register.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

/// Names and values.
pub(crate) type Labels = Vec<(&'static str, String)>;
/// Gauges told apart by labels.
pub(crate) type Gauges = Family<Labels, Gauge>;
/// Counters told apart by labels.
pub(crate) type Counters = Family<Labels, Counter>;
