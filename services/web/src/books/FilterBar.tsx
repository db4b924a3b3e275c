import { type Filters, NO_FILTERS, parameters } from "./filters";

interface Props {
  filters: Filters;
  change: (change: Partial<Filters>) => void;
}

export function FilterBar({ filters, change }: Props) {
  return (
    <search className="filters">
      <label className="wide">
        Search
        <input
          type="search"
          maxLength={200}
          placeholder="Title, author, description"
          value={filters.q}
          onChange={(event) => change({ q: event.target.value })}
        />
      </label>
      <label>
        Author
        <input maxLength={200} value={filters.author} onChange={(event) => change({ author: event.target.value })} />
      </label>
      <label>
        Status
        <select value={filters.read} onChange={(event) => change({ read: event.target.value })}>
          <option value="">All</option>
          <option value="true">Read</option>
          <option value="false">Unread</option>
        </select>
      </label>
      <label className="year">
        From year
        <input type="number" value={filters.year_min} onChange={(event) => change({ year_min: event.target.value })} />
      </label>
      <label className="year">
        To year
        <input type="number" value={filters.year_max} onChange={(event) => change({ year_max: event.target.value })} />
      </label>
      <label className="sort">
        Sort by
        <select value={filters.sort} onChange={(event) => change({ sort: event.target.value })}>
          <option value="">Best match, or newest</option>
          <option value="-created">Last added</option>
          <option value="created">First added</option>
          <option value="title">Title, A to Z</option>
          <option value="-title">Title, Z to A</option>
          <option value="author">Author, A to Z</option>
          <option value="-author">Author, Z to A</option>
          <option value="year">Year, oldest first</option>
          <option value="-year">Year, newest first</option>
        </select>
      </label>
      <button type="button" disabled={!Object.keys(parameters(filters)).length} onClick={() => change(NO_FILTERS)}>
        Clear filters
      </button>
    </search>
  );
}
