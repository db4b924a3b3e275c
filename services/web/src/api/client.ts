import createClient from "openapi-fetch";
import { NoAnswerError, send } from "./connection";
import type { InvalidPart, Problem, paths } from "./schema";
import { askForToken, token } from "./token";

/** What the API says is wrong with a request (RFC 9457). */
export class ProblemError extends Error {
  readonly status: number;
  readonly errors: InvalidPart[];

  constructor(problem: Problem | undefined, response: Response) {
    const errors = problem?.errors ?? [];
    const parameters = errors.filter((error) => error.parameter).map((error) => `${error.parameter}: ${error.detail}`);
    super(parameters.join("; ") || (problem?.detail ?? `The catalogue answers ${response.status}.`));
    this.status = response.status;
    this.errors = errors;
  }
}

/** Sends the tab's token, asks for one when the API wants it, and then sends the request again. */
async function authorizedSend(request: Request): Promise<Response> {
  const again = request.clone();
  const sent = token();
  if (sent !== null) request.headers.set("Authorization", `Bearer ${sent}`);
  const response = await send(request);
  if (response.status !== 401) return response;
  await askForToken(sent);
  return authorizedSend(again);
}

export const client = createClient<paths>({ baseUrl: location.origin, fetch: authorizedSend });

/** The body of a good answer; throws ProblemError for any other. */
export async function answer<T>(call: Promise<{ data?: T; error?: Problem; response: Response }>): Promise<T> {
  const { data, error, response } = await call;
  if (!response.ok) throw new ProblemError(error, response);
  return data as T;
}

/** For TanStack Query: what was not answered is sent again, until it is; each request here can be sent twice. */
export const retry = {
  retry: (_: number, error: Error) => error instanceof NoAnswerError,
  retryDelay: (failures: number) => Math.min(500 * 2 ** failures, 5_000),
  networkMode: "always",
} as const;
