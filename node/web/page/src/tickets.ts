// The tickets that this person holds, as far as this page was told: what the cards of rooms ask before they offer one.
import { api } from "./node/api";
import type { Ticket } from "./node/types";
import { Store, useStore } from "./store";

export const tickets = new Store<{ list: readonly Ticket[] }>({ list: [] });

export async function loadTickets(): Promise<readonly Ticket[]> {
  const list = await api.tickets();
  tickets.set({ list });
  return list;
}

/** Whether there is a ticket to a room that is good now. */
export const holds = (list: readonly Ticket[], room: string): boolean =>
  list.some((ticket) => ticket.room === room && !ticket.void && ticket.ends > Date.now());

export const useHolds = (room: string): boolean => useStore(tickets, (s) => holds(s.list, room));
