/** Dialogs over the page: focus stays within, Escape closes, and goes back to where it was. */
import { X } from "lucide-react";
import { useState, type ReactNode } from "react";
import { Dialog as AriaDialog, Heading, Modal, ModalOverlay } from "react-aria-components";
import { toProblem } from "../api/problem";
import { classes } from "../lib/classes";
import { Button, IconButton } from "./Button";
import { TextField } from "./Field";
import { Notice } from "./Notice";
import css from "./overlay.module.css";

interface Props {
  title: string;
  isOpen: boolean;
  onClose: () => void;
  children: ReactNode;
  /** Buttons at the end, the first action last. */
  actions?: ReactNode;
  wide?: boolean;
  /** Whether it can be left without an answer. */
  dismissable?: boolean;
}

export function Dialog(props: Props) {
  const { title, isOpen, onClose, children, actions, wide, dismissable = true } = props;
  return (
    <ModalOverlay
      className={css.scrim!}
      isOpen={isOpen}
      onOpenChange={(open) => !open && onClose()}
      isDismissable={dismissable}
      isKeyboardDismissDisabled={!dismissable}
    >
      <Modal className={classes(css.modal, wide && css.wide)}>
        <AriaDialog className={css.dialog!}>
          <div className={css.dialogHead}>
            <Heading slot="title" level={2}>
              {title}
            </Heading>
            {dismissable && <IconButton icon={X} label="Close" small onClick={onClose} />}
          </div>
          {children}
          {actions && <div className={css.dialogFoot}>{actions}</div>}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}

interface ConfirmProps {
  title: string;
  isOpen: boolean;
  onClose: () => void;
  /** What stops, in plain words. */
  children: ReactNode;
  /** The name that has to be typed; without it, the button alone confirms. */
  name?: string;
  /** What the button does: `Delete sync`. */
  action: string;
  onConfirm: () => Promise<unknown>;
}

/** Asks before what cannot be undone. Where it can, there is an undo and no question. */
export function ConfirmDialog(props: ConfirmProps) {
  const { title, isOpen, onClose, children, name, action, onConfirm } = props;
  const [typed, setTyped] = useState("");
  const [isPending, setPending] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const close = () => {
    setTyped("");
    setError(null);
    onClose();
  };
  const confirm = async () => {
    setPending(true);
    setError(null);
    try {
      await onConfirm();
      close();
    } catch (thrown) {
      setError(thrown);
    } finally {
      setPending(false);
    }
  };
  const reason = name !== undefined && typed !== name && "Type the name first";
  return (
    <Dialog
      title={title}
      isOpen={isOpen}
      onClose={close}
      actions={
        <>
          <Button onClick={close}>Cancel</Button>
          <Button
            look="dangerSolid"
            pending={isPending}
            disabledReason={reason}
            onClick={() => void confirm()}
          >
            {action}
          </Button>
        </>
      }
    >
      <div>{children}</div>
      {name !== undefined && (
        <TextField
          label={`Type ${name} to confirm`}
          name="confirmation"
          value={typed}
          onChange={setTyped}
          autoComplete="off"
        />
      )}
      {error !== null && (
        <Notice tone="bad" title={toProblem(error).title} live>
          {toProblem(error).detail}
        </Notice>
      )}
    </Dialog>
  );
}
