import { Dialog } from "@base-ui/react/dialog";
import type { ReactNode } from "react";
import { ConnectionStatus } from "./ConnectionStatus";
import { TokenDialog } from "./TokenDialog";

interface Props {
  title: string;
  close: () => void;
  children: ReactNode;
}

/** A dialog of the page. What it does may need a token, so the question for one opens on top of it. */
export function Modal({ title, close, children }: Props) {
  return (
    <Dialog.Root open onOpenChange={(open) => open || close()} disablePointerDismissal>
      <Dialog.Portal>
        <Dialog.Backdrop className="backdrop" />
        <Dialog.Popup className="dialog">
          <Dialog.Title>{title}</Dialog.Title>
          <ConnectionStatus />
          {children}
          <TokenDialog />
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
