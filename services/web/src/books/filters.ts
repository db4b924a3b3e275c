import { useCallback, useEffect, useState } from "react";

/** Which books to list, as the page's address has it; an empty string does not limit. */
export interface Filters {
  q: string;
  author: string;
  read: string;
  year_min: string;
  year_max: string;
  sort: string;
}

export const NO_FILTERS: Filters = { q: "", author: "", read: "", year_min: "", year_max: "", sort: "" };

function fromAddress(search: string): Filters {
  const given = new URLSearchParams(search);
  return Object.fromEntries(Object.keys(NO_FILTERS).map((name) => [name, given.get(name) ?? ""])) as unknown as Filters;
}

/** Those that limit, as the parameters of the API's list. */
export function parameters(filters: Filters): Record<string, string> {
  return Object.fromEntries(Object.entries(filters).filter(([, value]) => value.trim() !== ""));
}

/** The filters in the page's address: they outlive a reload, and can be sent to somebody. */
export function useFilters(): [Filters, (change: Partial<Filters>) => void] {
  const [filters, setFilters] = useState(() => fromAddress(location.search));
  const change = useCallback((change: Partial<Filters>) => setFilters((before) => ({ ...before, ...change })), []);
  useEffect(() => {
    const query = new URLSearchParams(parameters(filters)).toString();
    history.replaceState(null, "", query ? `?${query}` : location.pathname);
  }, [filters]);
  return [filters, change];
}
