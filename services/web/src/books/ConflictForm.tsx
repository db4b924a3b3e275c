import { useState } from "react";
import { differences, type FieldName, LABELS, type Values } from "./form";

interface Props {
  /** The book as it was when the typing began. */
  base: Values;
  mine: Values;
  theirs: Values;
  cancel: () => void;
  choose: (chosen: Values) => void;
}

type Side = "mine" | "theirs";

/** Shows what somebody else saved meanwhile, field by field, and lets the person choose what to keep. */
export function ConflictForm({ base, mine, theirs, cancel, choose }: Props) {
  const fields = differences(mine, theirs);
  // Where only one of the two changed a field, that change is kept unless the person says otherwise.
  const [chosen, setChosen] = useState<Partial<Record<FieldName, Side>>>(() =>
    Object.fromEntries(fields.map((name) => [name, onlyChange(base[name], mine[name], theirs[name])])),
  );
  const kept = fields.filter((name) => chosen[name] === "mine").map((name) => [name, mine[name]]);
  const merged = { ...theirs, ...Object.fromEntries(kept) };

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        choose(merged);
      }}
    >
      <p>Somebody saved this book while you edited it. Choose what to keep:</p>
      {fields.map((name) => (
        <fieldset key={name}>
          <legend>{LABELS[name]}</legend>
          {(["theirs", "mine"] as const).map((side) => (
            <label key={side} className="check">
              <input
                type="radio"
                name={name}
                required
                checked={chosen[name] === side}
                onChange={() => setChosen({ ...chosen, [name]: side })}
              />
              <span>
                {side === "mine" ? "Yours: " : "Theirs: "}
                {show((side === "mine" ? mine : theirs)[name])}
              </span>
            </label>
          ))}
        </fieldset>
      ))}
      <div className="buttons">
        <button type="button" onClick={cancel}>
          Cancel
        </button>
        <button type="submit" className="primary">
          Save
        </button>
      </div>
    </form>
  );
}

/** The side that changed a value, if only one did. */
function onlyChange(base: unknown, mine: unknown, theirs: unknown): Side | undefined {
  return mine === base ? "theirs" : theirs === base ? "mine" : undefined;
}

function show(value: string | boolean): string {
  if (typeof value === "boolean") return value ? "yes" : "no";
  return value || "(empty)";
}
