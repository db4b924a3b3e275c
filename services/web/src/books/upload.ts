import { ProblemError } from "../api/client";
import { NOT_ANSWERED, NoAnswerError } from "../api/connection";
import type { Problem, Report } from "../api/schema";
import { askForToken, token } from "../api/token";

/** The answer to an import: books that were added, or why none was. */
export type ImportAnswer = Report | (Problem & { lines?: number; bad_lines?: number });

/** The types that the API reads, by the end of a file's name. */
const MEDIA_TYPES: Record<string, string> = {
  csv: "text/csv",
  jsonl: "application/x-ndjson",
  ndjson: "application/x-ndjson",
};

export function mediaType(file: File): string | undefined {
  return MEDIA_TYPES[file.name.split(".").pop()?.toLowerCase() ?? ""];
}

/**
 * Send a file to be imported. `progress` hears the fraction that is sent, from 0 to 1: fetch can't tell, so this is the
 * one request that is made with XMLHttpRequest.
 *
 * Rejects with NoAnswerError, NoTokenError, or ProblemError where the file as a whole is refused.
 */
export async function upload(file: File, progress: (sent: number) => void, signal: AbortSignal): Promise<ImportAnswer> {
  const sentToken = token();
  const request = new XMLHttpRequest();
  request.open("POST", "/api/v1/books/import");
  request.responseType = "json";
  request.setRequestHeader("Content-Type", mediaType(file) ?? "text/csv");
  if (sentToken !== null) request.setRequestHeader("Authorization", `Bearer ${sentToken}`);
  request.upload.onprogress = (event) => progress(event.loaded / event.total);
  signal.addEventListener("abort", () => request.abort());
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  request.onload = () => resolve();
  request.onerror = () => reject(new NoAnswerError());
  request.onabort = () => reject(signal.reason);
  request.send(file);
  await promise;
  if (request.status === 401) {
    await askForToken(sentToken);
    return upload(file, progress, signal);
  }
  if (NOT_ANSWERED.includes(request.status)) throw new NoAnswerError();
  const answer: ImportAnswer | null = request.response;
  if (request.status === 200 || (request.status === 422 && answer?.errors?.length)) return answer as ImportAnswer;
  throw new ProblemError((answer as Problem | null) ?? undefined, new Response(null, { status: request.status }));
}
