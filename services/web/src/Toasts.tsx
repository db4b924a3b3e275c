import { Toast } from "@base-ui/react/toast";

/** Short news at the edge of the page. */
export const toasts = Toast.createToastManager();

export function Toasts() {
  return (
    <Toast.Provider toastManager={toasts} limit={5}>
      <Toast.Portal>
        <Toast.Viewport className="toasts" aria-label="News">
          <ToastList />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}

function ToastList() {
  return Toast.useToastManager().toasts.map((toast) => (
    <Toast.Root key={toast.id} toast={toast} className="toast" swipeDirection={[]}>
      <Toast.Content className="toast-content">
        <div>
          <Toast.Title />
          <Toast.Description />
        </div>
        {toast.actionProps && <Toast.Action />}
        {/* Not Toast.Close, which assistive technology does not see until the focus is here. */}
        <button type="button" onClick={() => toasts.close(toast.id)}>
          Close
        </button>
      </Toast.Content>
    </Toast.Root>
  ));
}
