-- Whom Grafana asks as: a user who may read the store's tables, also those made later, and change
-- nothing. docker-compose.yml runs it with psql; by hand:
--   cp tape/sinks/postgres/sql/grants.sql monitoring/grafana/
--   GRAFANA_READER_PASSWORD=… psql "$DATABASE_URL" -v ON_ERROR_STOP=1 -f monitoring/grafana/reader.sql
create schema if not exists tapewatch;
\ir grants.sql
\getenv word GRAFANA_READER_PASSWORD
select 'create role grafana login in role tapewatch_reader'
 where not exists (select from pg_roles where rolname = 'grafana')
\gexec
alter role grafana password :'word';
