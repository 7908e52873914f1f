/* The checks of a published drop log, as campaigns/proofs.py has them: every hash is computed here, in the reader's own browser. */
import { sha256 } from "./sha256.js";

const sorted = (key, value) =>
  value && typeof value === "object" && !Array.isArray(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value;
export const canonical = (value) => JSON.stringify(value, sorted);

export const plain = (receipt) => receipt.toUpperCase().replace(/[^A-Z0-9]/g, "");
export const pseudonym = async (nonce, receipt) => (await sha256(`${nonce}:${plain(receipt)}`)).slice(0, 32);

async function chain(start, rows) {
  let head = start;
  for (const row of rows) head = await sha256(`${head}\n${canonical(row)}`);
  return head;
}

const rises = (values) => values.every((value, i) => i === 0 || values[i - 1] <= value);
const differ = (values) => new Set(values).size === values.length;

/* {name: true | false}; what is not published yet is not judged. */
export async function checked({ terms, terms_hash: promised, committed_at: at, claims, outcomes }) {
  const found = { terms: (await sha256(canonical(terms))) === promised, before: at < terms.opens_at };
  if (!claims) return found;
  const { rows, end } = claims;
  found.nonce = (await sha256(end.nonce)) === terms.nonce_hash;
  found.order =
    rows.length === end.rows &&
    rows.every((row, i) => row.n === i + 1) &&
    rises([terms.opens_at, ...rows.map((row) => row.at), terms.closes_at]) &&
    differ(rows.map((row) => row.place)) &&
    differ(rows.map((row) => row.who));
  found.units = rows.every((row) => row.unit === (row.n <= terms.total ? "first" : "again"));
  found.chain = (await chain(promised, [...rows, end])) === claims.head;
  if (!outcomes) return found;
  const count = (what) => outcomes.rows.filter((row) => row.what === what).length;
  const kinds = ["paid", "expired", "returned"];
  found.outcomes =
    outcomes.rows.length === rows.length &&
    outcomes.rows.every((row, i) => row.n === rows[i].n && row.place === rows[i].place && kinds.includes(row.what)) &&
    kinds.every((what) => outcomes.end[what] === count(what)) &&
    count("paid") <= terms.total &&
    (await chain(claims.head, [...outcomes.rows, outcomes.end])) === outcomes.head;
  return found;
}
