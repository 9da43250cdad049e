/** Tells a payment from others: however often the button is clicked, and whatever went wrong in between, it is one. */
export const newNonce = (): string => [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
