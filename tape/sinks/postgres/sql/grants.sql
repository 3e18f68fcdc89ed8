-- A role that may read everything here and change nothing, for Grafana and people.
-- `tape sink grants | psql "$DATABASE_URL"` runs it; whoever runs it may make roles. Then:
--   create role grafana login password '…' in role tapewatch_reader;
do $$
begin
    if not exists (select from pg_roles where rolname = 'tapewatch_reader') then
        create role tapewatch_reader nologin;
    end if;
end $$;
grant usage on schema tapewatch to tapewatch_reader;
grant select on all tables in schema tapewatch to tapewatch_reader;
do $$  -- what is made later, a new day of trades say, by whoever owns the tables
declare maker name;
begin
    for maker in
        select current_user
         union
        select pg_get_userbyid(relowner) from pg_class
         where relnamespace = to_regnamespace('"tapewatch"') and relkind in ('r', 'p')
    loop
        execute format('alter default privileges for role %I in schema tapewatch '
                       'grant select on tables to tapewatch_reader', maker);
    end loop;
end $$;
