// Money as the node writes it, "5.00 EUR" or "2500 sat", and as people read and type it.
import { en } from "./en";

export interface Money {
  value: number; // for the eye alone: the node counts in whole minor units
  unit: string;
  digits: number; // after the point
}

export function parseMoney(text: string): Money | null {
  const [number = "", unit = "", more] = text.split(" ");
  if (!/^-?\d+(\.\d+)?$/.test(number) || !unit || more !== undefined) return null;
  return { value: Number(number), unit, digits: number.split(".")[1]?.length ?? 0 };
}

/** "5 EUR", "0.50 EUR", "2,500 sat". What is no money stays as it is. */
export function money(text: string): string {
  const m = parseMoney(text);
  return m ? sum(m.value, m.unit, m.digits) : text;
}

/** A sum with so many digits after the point, none if they are all zeros. */
export function sum(value: number, unit: string, digits: number): string {
  const shown = Number(value.toFixed(digits));
  const least = Number.isInteger(shown) ? 0 : digits;
  const format = new Intl.NumberFormat(en.lang, { minimumFractionDigits: least, maximumFractionDigits: digits });
  return `${format.format(shown)}\u00a0${unit}`;
}

/** What one can ask to be paid in; the node knows more. */
export const units = ["EUR", "USD", "GBP", "CHF", "SEK", "NOK", "DKK", "PLN", "CZK", "UAH", "TRY", "IRR", "INR", "JPY", "CNY", "KRW", "BRL", "MXN", "CAD", "AUD", "NGN", "KES", "ZAR", "sat"];

const names = new Intl.DisplayNames([en.lang], { type: "currency" });

export const unitName = (unit: string): string => (unit === "sat" ? "satoshi" : (names.of(unit) ?? unit));

/** Money that somebody typed, such as "5 eur" or "100sat", as the node takes it; null if it is none. */
export function typedSum(text: string): string | null {
  const [, number = "", letters = ""] = /^\s*([\d.,]+)\s*([a-z]{3})\s*$/i.exec(text) ?? [];
  const unit = letters.toLowerCase() === "sat" ? "sat" : letters.toUpperCase();
  const value = unit ? typed(number, unit) : null; // which there are, the node knows
  return value === null || Number(value) === 0 ? null : `${value} ${unit}`;
}

/** A number that somebody typed, as the node takes it; null if it is none, or has more decimals than the unit. */
export function typed(text: string, unit: string): string | null {
  const plain = text.trim().replace(",", ".");
  if (!/^\d{1,12}(\.\d{1,3})?$/.test(plain)) return null;
  const most = unit === "sat" ? 0 : (new Intl.NumberFormat(en.lang, { style: "currency", currency: unit }).resolvedOptions().maximumFractionDigits ?? 2);
  return (plain.split(".")[1]?.length ?? 0) > most ? null : plain;
}
