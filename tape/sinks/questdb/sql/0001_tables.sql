-- What is found, and the tape. A row with the keys of another takes its place.

create table if not exists {p}_anomalies (
    ts_event         timestamp_ns,
    anomaly_id       varchar,
    symbol           symbol,
    publisher_id     int,
    price            decimal(19, 9),
    size             long,
    side             symbol,
    sequence         long,
    rules            varchar,           -- names, separated by commas
    reason           varchar,           -- the first one's text
    severity         double,
    priority         double,
    family           symbol,
    context          symbol,
    calibrated       symbol,            -- true, false, or not said
    rank             double,
    suppressed       symbol,
    episode_id       varchar,
    detector_version symbol,
    settings         symbol,
    message          varchar,           -- the whole message, JSON
    source_partition int,               -- where the trade lies on `stocks`
    source_offset    long,
    topic_partition  int,               -- where the message lies on its own topic
    topic_offset     long,
    appended_at      timestamp_ns       -- when the broker took it
) timestamp(ts_event) partition by month wal
dedup upsert keys(ts_event, anomaly_id);

create table if not exists {p}_episode_states (
    ts_first         timestamp_ns,
    episode_id       varchar,
    symbol           symbol,
    state            symbol,            -- opened, extended, closed
    flags            long,
    rules            varchar,           -- flagged trades by rule, JSON
    ts_last          timestamp_ns,
    first_sequence   long,
    last_sequence    long,
    price_before     decimal(19, 9),
    price_extreme    decimal(19, 9),
    price_after      decimal(19, 9),
    mark             symbol,
    severity         double,
    priority         double,
    family           symbol,
    rule             symbol,            -- of the worst trade, as reason and context are
    reason           varchar,
    context          symbol,
    shares           long,              -- of all flagged trades, as notional_usd is
    notional_usd     double,
    publisher_id     long,
    duration_s       double,
    text             varchar,
    detector_version symbol,
    settings         symbol,
    message          varchar,
    topic_partition  int,
    topic_offset     long,
    appended_at      timestamp_ns
) timestamp(ts_first) partition by month wal
dedup upsert keys(ts_first, episode_id, appended_at, topic_offset);

-- Of each episode its newest state, in whatever order states were written.
create view if not exists {p}_episodes as (
    select * from (
        select *, row_number() over (
            partition by episode_id order by appended_at desc, topic_offset desc
        ) as age
          from {p}_episode_states
    ) where age = 1
);

create table if not exists {p}_rejected (
    appended_at      timestamp_ns,
    topic            symbol,
    topic_partition  int,
    topic_offset     long,
    reason           symbol,
    detail           varchar,
    source           varchar,           -- topic[partition]@offset, or file and row
    app              symbol,
    size             long,              -- of the original record
    sha256           varchar,
    key_base64       varchar,
    value_base64     varchar            -- at most its first 64 KiB
) timestamp(appended_at) partition by month wal
dedup upsert keys(appended_at, topic, topic_partition, topic_offset);

create table if not exists {p}_trades (
    ts_event         timestamp_ns,
    symbol           symbol,
    publisher_id     int,
    sequence         long,              -- -1: the feed numbers nothing
    price            decimal(19, 9),
    size             long,
    side             symbol,
    ordinal          int,               -- how many equal trades the source had before
    ts_recv          timestamp_ns
) timestamp(ts_event) partition by day wal
dedup upsert keys(ts_event, symbol, publisher_id, sequence, price, size, side, ordinal);
