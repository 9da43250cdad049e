// The ledger as files, for a spreadsheet or a program: what `salon ledger export` prints.
import type { Entry } from "../node/types";

const columns = ["date", "entry", "kind", "for", "counterparty", "rail", "currency", "gross", "fee", "shares", "net", "id"];

/** One line for each entry that money was booked for. Nothing in it is text that somebody else has written. */
export function csv(entries: readonly Entry[]): string {
  const rows = entries
    .filter((e) => (e.postings ?? []).length > 0)
    .map((e) => {
      const sums = [e.gross, e.fee, e.shares, e.net].map((money) => (money ?? "").split(" "));
      const unit = sums[3]![1] ?? "";
      const date = new Date(e.time).toISOString().replace(/\.\d+Z$/, "Z");
      return [date, e.number, e.kind, e.purpose ?? "", e.with ?? "", e.rail ?? "", unit, ...sums.map(([number]) => number), e.id].join(",");
    });
  return [columns.join(","), ...rows].join("\n") + "\n";
}

export const saveCSV = (entries: readonly Entry[]): void => save(new Blob([csv(entries)], { type: "text/csv" }), "salon-ledger.csv");
export const saveJSON = (entries: readonly Entry[]): void =>
  save(new Blob([JSON.stringify(entries, null, 1)], { type: "application/json" }), "salon-ledger.json");

/** Hands a file to the browser, which puts it among the downloads. */
export function save(file: Blob, name: string): void {
  const address = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000); // once the browser has read it
}
