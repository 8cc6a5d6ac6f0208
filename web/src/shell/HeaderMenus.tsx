/** The menus of the header. Loaded after the first paint, as the widgets are large. */
import { useNavigate } from "@tanstack/react-router";
import { CircleUser, Keyboard, LogOut, Monitor, Moon, Sun, UserRound } from "lucide-react";
import { useMe } from "../api/queries/me";
import { useSignOut } from "../api/queries/sign-in";
import { setPreferences, usePreferences, type Theme } from "../lib/preferences";
import { IconButton } from "../ui/Button";
import { Menu, MenuItem, MenuSeparator } from "../ui/Menu";

const themes = [
  { id: "system", name: "Like the system", icon: Monitor },
  { id: "light", name: "Light", icon: Sun },
  { id: "dark", name: "Dark", icon: Moon },
] as const satisfies readonly { id: Theme; name: string; icon: typeof Sun }[];

export default function HeaderMenus({ onHelp }: { onHelp: () => void }) {
  const { theme } = usePreferences();
  const me = useMe().data;
  const signOut = useSignOut();
  const navigate = useNavigate();
  const now = themes.find((one) => one.id === theme) ?? themes[0];
  const leave = () =>
    signOut.mutate(undefined, { onSuccess: () => void navigate({ to: "/login" }) });
  return (
    <>
      <Menu label="Theme" trigger={<IconButton icon={now.icon} label={`Theme: ${now.name}`} />}>
        {themes.map(({ id, name, icon }) => (
          <MenuItem key={id} icon={icon} onAction={() => setPreferences({ theme: id })}>
            {name}
          </MenuItem>
        ))}
      </Menu>
      <Menu
        label="Your account"
        trigger={<IconButton icon={CircleUser} label={me ? `Account of ${me.name}` : "Account"} />}
      >
        <MenuItem
          icon={UserRound}
          hint="Password, sessions, theme, keys"
          onAction={() => void navigate({ to: "/me" })}
        >
          {me?.name ?? "Account"}
        </MenuItem>
        <MenuItem icon={Keyboard} onAction={onHelp}>
          Keys
        </MenuItem>
        <MenuSeparator />
        <MenuItem icon={LogOut} onAction={leave}>
          Sign out
        </MenuItem>
      </Menu>
    </>
  );
}
