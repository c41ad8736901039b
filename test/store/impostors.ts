/**
 * Functions and operators that somebody else has made in `public`, named like those that our statements use and taking their
 * arguments more exactly than the server's own: PostgreSQL would call them, with our rights. CVE-2018-1058.
 */
import assert from "node:assert/strict"
import { globSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { ask } from "./postgres-server.ts"

const SOURCES = fileURLToPath(new URL("../../src/store/postgres/", import.meta.url))
const OPERATORS = ["=", "<>", "<", ">", "<=", ">=", "+", "-", "*", "/", "||", "&&"]

const PLANT = `
  DO $plant$
  DECLARE
    types text[] := '{text,integer,bigint,bytea,text[]}';
    body text := 'RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION ''an impostor was called''; END $$';
    names text[] := ARRAY(
      SELECT DISTINCT proname FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND proname = ANY (NAMES)
    );
    name text; operator text; one text; two text;
  BEGIN
    EXECUTE 'GRANT CREATE, USAGE ON SCHEMA public TO PUBLIC';
    FOREACH one IN ARRAY types LOOP
      FOREACH name IN ARRAY names LOOP
        EXECUTE format('CREATE FUNCTION public.%I(%s) %s', name, one, body);
      END LOOP;
      FOREACH two IN ARRAY types LOOP
        FOREACH name IN ARRAY names LOOP
          EXECUTE format('CREATE FUNCTION public.%I(%s, %s) %s', name, one, two, body);
        END LOOP;
        EXECUTE format('CREATE FUNCTION public.operate(%s, %s) %s', one, two, body);
        FOREACH operator IN ARRAY OPERATORS LOOP
          EXECUTE format('CREATE OPERATOR public.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = public.operate)', operator, one, two);
        END LOOP;
      END LOOP;
    END LOOP;
  END $plant$`

/** @param url an administrator's, of a database that is for this alone */
export async function plantImpostors(url: string): Promise<void> {
  const names = new Set<string>()
  for (const file of globSync("*.ts", { cwd: SOURCES })) {
    for (const [, name] of readFileSync(`${SOURCES}${file}`, "utf8").matchAll(/\b([a-z][a-z0-9_]*)\(/g))
      names.add(name as string)
  }
  const list = (words: Iterable<string>) => `ARRAY['${[...words].join("','")}']`
  await ask(url, PLANT.replaceAll("NAMES", list(names)).replaceAll("OPERATORS", list(OPERATORS)))
  for (const call of ["SELECT hashtextextended('x'::text, 1)", "SELECT ARRAY['x'] = ARRAY['x']"])
    await assert.rejects(ask(url, call), /an impostor was called/, call)
}
