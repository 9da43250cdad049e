// Light or dark: as the system has it, or as the person chose it for this browser.
import { Store } from "./store";

export const themes = ["system", "light", "dark"] as const;
export type Theme = (typeof themes)[number];

const place = "salon.theme";

export const theme = new Store<{ chosen: Theme }>({ chosen: kept() });

export function chooseTheme(chosen: Theme): void {
  theme.set({ chosen });
  dressTheme();
  try {
    localStorage.setItem(place, chosen);
  } catch {
    // The choice then lasts as long as this tab.
  }
}

/** Gives the document the chosen colours. */
export function dressTheme(): void {
  const { chosen } = theme.get();
  if (chosen === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = chosen;
}

// Another tab of this page chose.
addEventListener("storage", (event) => {
  if (event.key !== place) return;
  theme.set({ chosen: kept() });
  dressTheme();
});

function kept(): Theme {
  try {
    const word = localStorage.getItem(place);
    return themes.find((one) => one === word) ?? "system";
  } catch {
    return "system";
  }
}
