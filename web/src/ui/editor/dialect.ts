/** The SQL that the editor colours and completes: PostgreSQL's, with what Redshift adds to it. */
import { PostgreSQL, SQLDialect, SQLite } from "@codemirror/lang-sql";

const KEYWORDS = `ilike similar qualify minus top distkey sortkey diststyle encode compupdate backup
  pivot unpivot exclude ignore respect nulls within listagg approximate snapshot permissions`;
const BUILTIN = `getdate sysdate dateadd datediff datepart date_trunc convert_timezone nvl nvl2 decode
  listagg median json_extract_path_text json_parse json_serialize json_typeof is_valid_json
  is_valid_json_array json_array_length json_extract_array_element_text strtol md5 sha1 sha2
  func_sha1 fnv_hash checksum len trunc to_timestamp to_char to_date to_number last_day add_months
  months_between next_day coalesce greatest least regexp_substr regexp_replace regexp_count
  regexp_instr split_part charindex position substring left right ltrim rtrim btrim upper lower
  initcap replace translate object array get_array_length ratio_to_report`;
const TYPES = `super varbyte hllsketch geography geometry timestamptz timetz bpchar int2 int4 int8
  float4 float8`;

const Redshift = SQLDialect.define({
  ...PostgreSQL.spec,
  keywords: `${PostgreSQL.spec.keywords ?? ""} ${KEYWORDS}`,
  types: `${PostgreSQL.spec.types ?? ""} ${TYPES}`,
  builtin: `${PostgreSQL.spec.builtin ?? ""} ${BUILTIN}`,
  doubleDollarQuotedStrings: true,
});

/** By the kind of the database; one that is not known is taken for a Redshift. */
export function dialectOf(kind: string): SQLDialect {
  return kind === "sqlite" ? SQLite : kind === "postgres" ? PostgreSQL : Redshift;
}
