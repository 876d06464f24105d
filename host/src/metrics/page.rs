//! The page of all metrics, as OpenMetrics, and how metrics are switched on.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use opentelemetry::metrics::MeterProvider;
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, Histogram, Metric, MetricData, ResourceMetrics};
use opentelemetry_sdk::metrics::reader::MetricReader;
use opentelemetry_sdk::metrics::{
    Instrument, InstrumentKind, ManualReader, MeterProviderBuilder, Pipeline, SdkMeterProvider, Stream, Temporality,
};
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use super::INSTRUMENTS;
use super::instruments::Instruments;
use super::table;

/// How many series a metric may have. Those beyond are one, with the label `otel_metric_overflow`: whatever components
/// and clients do, figures take a bounded memory.
const MAX_SERIES: usize = 2_000;

/// The figures of this process: of all hosts and providers in it. Cheap to clone; clones are of the same.
///
/// ```
/// use steadfast_host::Metrics;
///
/// // Before a host is loaded. A program with a collector adds the reader that pushes to it here.
/// let metrics = Metrics::start(|provider| provider);
/// assert!(metrics.to_open_metrics().ends_with("# EOF\n"));
/// ```
#[derive(Clone)]
pub struct Metrics {
    reader: Page,
    provider: SdkMeterProvider,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// The type of the content of [`to_open_metrics`](Self::to_open_metrics).
    pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// From now on, this process counts. `with` may add readers, and say what the figures are from. Where metrics were
    /// started before, what this returns has figures of nothing.
    pub fn start(with: impl FnOnce(MeterProviderBuilder) -> MeterProviderBuilder) -> Self {
        let reader = Page(Arc::new(ManualReader::builder().build()));
        let bounded = |_: &Instrument| Stream::builder().with_cardinality_limit(MAX_SERIES).build().ok();
        let builder = SdkMeterProvider::builder().with_view(bounded).with_reader(reader.clone());
        let provider = with(builder).build();
        let scope = InstrumentationScope::builder(env!("CARGO_PKG_NAME")).with_version(env!("CARGO_PKG_VERSION"));
        let meter = provider.meter_with_scope(scope.build());
        INSTRUMENTS.get_or_init(|| Instruments::new(&meter));
        Metrics { reader, provider }
    }

    /// All figures, as they are now, in the format that Prometheus reads:
    /// [OpenMetrics](https://prometheus.io/docs/specs/om/open_metrics_spec/).
    pub fn to_open_metrics(&self) -> String {
        let mut metrics = ResourceMetrics::default();
        // After the end of the provider, there is nothing to be read.
        let _ = self.reader.collect(&mut metrics);
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Collected(metrics)));
        let mut page = String::new();
        // A string takes whatever is written.
        let _ = text::encode(&mut page, &registry);
        page
    }

    /// Has the readers that push send their last figures, and ends them.
    ///
    /// # Errors
    /// What a reader complains of.
    ///
    /// ```
    /// let metrics = steadfast_host::Metrics::start(|provider| provider);
    /// metrics.stop().unwrap();
    /// ```
    pub fn stop(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.provider.shutdown().map_err(Into::into)
    }
}

/// Reads the figures when it is asked.
#[derive(Clone, Debug)]
struct Page(Arc<ManualReader>);

impl MetricReader for Page {
    fn register_pipeline(&self, pipeline: Weak<Pipeline>) {
        self.0.register_pipeline(pipeline);
    }

    fn collect(&self, metrics: &mut ResourceMetrics) -> OTelSdkResult {
        self.0.collect(metrics)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn temporality(&self, kind: InstrumentKind) -> Temporality {
        self.0.temporality(kind)
    }
}

/// What was read.
#[derive(Debug)]
struct Collected(ResourceMetrics);

impl prometheus_client::collector::Collector for Collected {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let resource = self.0.resource().iter();
        let resource: Vec<_> = resource.map(|(key, value)| KeyValue::new(key.clone(), value.clone())).collect();
        let resource = labels(&[], resource.iter());
        if !resource.is_empty() {
            encoder
                .encode_descriptor("target", "What the figures are from", None, MetricType::Info)?
                .encode_info(&resource)?;
        }
        self.0.scope_metrics().flat_map(|scope| scope.metrics()).try_for_each(|metric| one(metric, &mut encoder))
    }
}

fn one(metric: &Metric, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let kind = match metric.data() {
        AggregatedMetrics::F64(MetricData::Histogram(_)) => MetricType::Histogram,
        AggregatedMetrics::U64(MetricData::Sum(sum)) if sum.is_monotonic() => MetricType::Counter,
        AggregatedMetrics::I64(MetricData::Sum(_)) | AggregatedMetrics::U64(MetricData::Gauge(_)) => MetricType::Gauge,
        // Nothing here makes such an instrument.
        _ => return Ok(()),
    };
    let name = table::open_metrics(metric.name());
    let unit = match table::unit_word(metric.unit()) {
        Some("seconds") => Some(Unit::Seconds),
        Some("bytes") => Some(Unit::Bytes),
        _ => None,
    };
    let names = table::attributes_of(metric.name());
    let mut family = encoder.encode_descriptor(&name, metric.description(), unit.as_ref(), kind)?;
    match metric.data() {
        AggregatedMetrics::F64(MetricData::Histogram(all)) => histogram(all, names, &mut family),
        AggregatedMetrics::U64(MetricData::Sum(all)) => all.data_points().try_for_each(|point| {
            let counter = ConstCounter::new(point.value());
            counter.encode(family.encode_family(&labels(names, point.attributes()))?)
        }),
        AggregatedMetrics::I64(MetricData::Sum(all)) => all.data_points().try_for_each(|point| {
            let gauge = ConstGauge::new(point.value());
            gauge.encode(family.encode_family(&labels(names, point.attributes()))?)
        }),
        AggregatedMetrics::U64(MetricData::Gauge(all)) => all.data_points().try_for_each(|point| {
            let gauge = ConstGauge::new(point.value());
            gauge.encode(family.encode_family(&labels(names, point.attributes()))?)
        }),
        _ => Ok(()),
    }
}

fn histogram(all: &Histogram<f64>, names: &[&str], family: &mut MetricEncoder<'_>) -> fmt::Result {
    all.data_points().try_for_each(|point| {
        let bounds = point.bounds().chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(point.bucket_counts()).collect();
        let labels = labels(names, point.attributes());
        let mut series = family.encode_family(&labels)?;
        series.encode_histogram::<[(&str, &str); 0]>(point.sum(), point.count(), &buckets, None)
    })
}

/// In the order of their names, whatever the order in which they were given. All series of a metric have the same `names`:
/// an empty label is, for Prometheus, one that is not there.
fn labels<'a>(names: &[&str], attributes: impl Iterator<Item = &'a KeyValue>) -> Vec<(String, String)> {
    let mut labels: BTreeMap<_, _> = names.iter().map(|name| (table::open_metrics(name), String::new())).collect();
    labels.extend(attributes.map(label));
    labels.into_iter().collect()
}

fn label(attribute: &KeyValue) -> (String, String) {
    let name = attribute.key.as_str();
    // Names in the environment may have any letters.
    let allowed = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    let name: String = name.chars().map(allowed).collect();
    let name = if name.starts_with(|first: char| first.is_ascii_digit()) { format!("_{name}") } else { name };
    (name, attribute.value.as_str().into_owned())
}
