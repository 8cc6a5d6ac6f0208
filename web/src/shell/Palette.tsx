/** The command palette: type, go there or do it. */
import { useMemo, useState } from "react";
import {
  Autocomplete,
  Dialog,
  Header,
  Input,
  Menu,
  MenuItem,
  MenuSection,
  Modal,
  ModalOverlay,
  SearchField,
} from "react-aria-components";
import overlay from "../ui/overlay.module.css";
import { found } from "./palette";
import css from "./palette.module.css";
import { useCommands } from "./use-commands";

export default function Palette({ onClose }: { onClose: () => void }) {
  const { commands } = useCommands();
  const [typed, setTyped] = useState("");
  const groups = useMemo(() => found(commands, typed), [commands, typed]);
  const act = (id: unknown) => {
    onClose();
    commands.find((command) => command.id === id)?.run();
  };
  return (
    <ModalOverlay className={overlay.scrim!} isOpen isDismissable onOpenChange={onClose}>
      <Modal className={`${overlay.modal} ${overlay.wide}`}>
        <Dialog className={css.box!} aria-label="Search and act">
          <Autocomplete inputValue={typed} onInputChange={setTyped}>
            {/* The palette is opened to type into it. */}
            <SearchField aria-label="Search and act" autoFocus className={css.search!}>
              <Input placeholder="Go to a screen, find a sync, run something…" />
            </SearchField>
            <Menu
              aria-label="What was found"
              className={css.list!}
              onAction={act}
              renderEmptyState={() => <p className={css.none}>Nothing has this name.</p>}
            >
              {groups.map((group) => (
                <MenuSection key={group.name} id={group.name}>
                  <Header className={css.head!}>{group.name}</Header>
                  {group.commands.map((command) => (
                    <MenuItem
                      key={command.id}
                      id={command.id}
                      textValue={command.name}
                      className={overlay.item!}
                    >
                      <span className={overlay.itemText}>{command.name}</span>
                      {command.hint && <span className={overlay.itemHint}>{command.hint}</span>}
                    </MenuItem>
                  ))}
                </MenuSection>
              ))}
            </Menu>
          </Autocomplete>
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}
