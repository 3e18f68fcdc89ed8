-- What is found: anomalies, episodes, and what could not be read.

create table anomalies (
    anomaly_id       text primary key,
    symbol           text not null,
    publisher_id     integer not null,
    ts_event         timestamptz not null,  -- whole microseconds; ts_event_ns has all of it
    ts_event_ns      bigint not null,
    price            numeric(19, 9) not null,
    size             bigint not null,
    side             "char" not null,
    sequence         bigint,
    rules            text[] not null,
    severity         double precision,
    context          text,
    calibrated       boolean,
    reasons          jsonb not null,
    features         jsonb,
    episode_id       text,
    detector_version text not null,
    settings         text not null,
    message          jsonb not null,        -- the whole message: new fields are there at once
    source_partition integer,               -- where the trade lies on `stocks`
    source_offset    bigint,
    topic_partition  integer not null,      -- where the message lies on its own topic
    topic_offset     bigint not null,
    appended_at      timestamptz not null,  -- when the broker took it
    written_at       timestamptz not null default now()
);
create index anomalies_symbol_ts on anomalies (symbol, ts_event);
create index anomalies_ts on anomalies (ts_event);
create index anomalies_episode on anomalies (episode_id);

create table episodes (
    episode_id       text primary key,
    symbol           text not null,
    state            text not null,         -- opened, extended, closed: the newest one
    flags            bigint not null,
    by_rule          jsonb not null,
    first_ts_ns      bigint not null,
    last_ts_ns       bigint not null,
    ts_first         timestamptz not null,
    ts_last          timestamptz not null,
    first_sequence   bigint,
    last_sequence    bigint,
    price_before     numeric(19, 9),
    price_extreme    numeric(19, 9),
    price_after      numeric(19, 9),
    mark             text,                  -- reverted, held; of a price spike that is over
    text             text not null,
    detector_version text not null,
    settings         text not null,
    message          jsonb not null,
    topic_partition  integer not null,
    topic_offset     bigint not null,
    appended_at      timestamptz not null,
    written_at       timestamptz not null default now()
);
create index episodes_symbol_ts on episodes (symbol, ts_first);
create index episodes_ts on episodes (ts_first);

create table rejected (
    topic            text not null,
    topic_partition  integer not null,
    topic_offset     bigint not null,
    appended_at      timestamptz not null,
    reason           text not null,
    detail           text not null,
    source           text not null,         -- topic[partition]@offset, or file and row
    app              text not null,
    size             bigint not null,       -- of the original record
    sha256           text not null,
    key              bytea,
    value            bytea not null,        -- at most its first 64 KiB
    written_at       timestamptz not null default now(),
    primary key (topic, topic_partition, topic_offset, appended_at)
);
create index rejected_appended on rejected (appended_at);
