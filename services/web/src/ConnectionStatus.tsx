import { useConnection } from "./api/connection";

/** Says when the API is down or slow. */
export function ConnectionStatus() {
  const connection = useConnection();
  return (
    <p role="status" className={`connection ${connection}`}>
      {connection === "down" && "The catalogue does not answer. Trying again …"}
      {connection === "slow" && "Still waiting for the catalogue …"}
    </p>
  );
}
