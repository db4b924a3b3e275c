import { Dialog } from "@base-ui/react/dialog";
import { Field } from "@base-ui/react/field";
import { Form } from "@base-ui/react/form";
import { useTokenQuestion } from "./api/token";

/** Asks for the token when a write needs one. */
export function TokenDialog() {
  const question = useTokenQuestion();
  if (!question) return null;
  return (
    <Dialog.Root open onOpenChange={(open) => open || question.cancel()} disablePointerDismissal>
      <Dialog.Portal>
        <Dialog.Backdrop className="backdrop" />
        <Dialog.Popup className="dialog">
          <Dialog.Title>A token is needed</Dialog.Title>
          <Dialog.Description>
            This catalogue takes changes only with a token. It is kept until you close this tab.
          </Dialog.Description>
          {question.refused && <p role="alert">The server does not accept this token.</p>}
          <Form onFormSubmit={({ token }) => question.give(token.trim())}>
            <Field.Root name="token" className="field">
              <Field.Label>Token</Field.Label>
              <Field.Control type="password" autoComplete="off" required />
              <Field.Error className="error" />
            </Field.Root>
            <div className="buttons">
              <button type="button" onClick={question.cancel}>
                Cancel
              </button>
              <button type="submit" className="primary">
                Use it
              </button>
            </div>
          </Form>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
