import {
  createMemoryHistory,
  createRootRoute,
  createRouter,
  RouterProvider,
} from "@tanstack/react-router";
import { cleanup, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState, type ReactNode } from "react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ProblemError, type Problem } from "../api/problem";
import { Button } from "./Button";
import { JsonView } from "./Code";
import { DataTable, type Column } from "./DataTable";
import { TextField } from "./Field";
import { Form } from "./Form";
import { Loaded, type QueryLike } from "./Loaded";
import { lookOf } from "./status";

afterEach(cleanup);

const problem = (change: Partial<Problem>): Problem => ({
  status: 422,
  code: "C011",
  title: "The definition is wrong",
  detail: "wrong",
  errors: [],
  requestId: null,
  retryAfter: null,
  ...change,
});

/** Links need a router. */
async function show(node: ReactNode) {
  const routeTree = createRootRoute({ component: () => node });
  const router = createRouter({ routeTree, history: createMemoryHistory() });
  await router.load();
  return render(<RouterProvider router={router as never} />);
}

describe("a form", () => {
  it("puts what is wrong below its field, and the rest above the buttons", async () => {
    const errors = [
      { code: "S003", field: "schedule.cron", message: "six fields", hint: "Use five." },
      { code: "S009", field: "elsewhere", message: "unknown key" },
    ];
    const error = new ProblemError(problem({ errors }));
    render(
      <Form onSubmit={() => undefined} error={error}>
        <TextField label="Cron" name="schedule.cron" value="" onChange={() => undefined} />
        <TextField label="Name" name="name" value="" onChange={() => undefined} />
      </Form>,
    );
    const cron = screen.getByLabelText("Cron");
    expect(cron.getAttribute("aria-invalid")).toBe("true");
    const described = document.getElementById(cron.getAttribute("aria-describedby")!);
    expect(described?.textContent).toContain("six fields Use five.");
    expect(document.activeElement).toBe(cron);
    expect(screen.getByLabelText("Name").getAttribute("aria-invalid")).toBeNull();
    const rest = screen.getByRole("alert").textContent;
    expect(rest).toContain("unknown key");
    expect(rest).not.toContain("six fields");
  });
});

describe("a button", () => {
  it("that cannot be pressed can be reached and says why", async () => {
    const press = vi.fn();
    render(
      <Button disabledReason="This needs the role Admin." onClick={press}>
        Delete
      </Button>,
    );
    await userEvent.tab();
    const button = screen.getByRole("button", { name: "Delete" });
    expect(document.activeElement).toBe(button);
    await userEvent.keyboard("{Enter}");
    expect(press).not.toHaveBeenCalled();
    expect(button.dataset.tip).toBe("This needs the role Admin.");
  });
});

describe("what is loaded", () => {
  const query = (change: Partial<QueryLike<string>>): QueryLike<string> => ({
    data: undefined,
    error: null,
    isPending: false,
    isFetching: false,
    dataUpdatedAt: Date.now(),
    refetch: () => undefined,
    ...change,
  });
  const loaded = (change: Partial<QueryLike<string>>) =>
    show(
      <Loaded query={query(change)} permission="audit.read" what="Run 7">
        {(data) => <p>{data}</p>}
      </Loaded>,
    );

  it("is shown with a note if it is old", async () => {
    await loaded({ data: "rows", error: new ProblemError(problem({ status: 503 })) });
    expect(screen.getByText("rows")).toBeTruthy();
    expect(screen.getByText("This may be out of date")).toBeTruthy();
  });

  it("says which role is missing", async () => {
    await loaded({ error: new ProblemError(problem({ status: 403 })) });
    expect(screen.getByText("This needs the role Admin.")).toBeTruthy();
  });

  it("says what is not there", async () => {
    await loaded({ error: new ProblemError(problem({ status: 404, detail: "no run 7" })) });
    expect(screen.getByRole("heading", { name: "Run 7 is not there" })).toBeTruthy();
  });

  it("says what went wrong, and asks again", async () => {
    const refetch = vi.fn();
    await loaded({ error: new ProblemError(problem({ status: 500 })), refetch });
    expect(screen.getByRole("alert").textContent).toContain("outflow explain C011");
    await userEvent.click(screen.getByRole("button", { name: "Retry" }));
    expect(refetch).toHaveBeenCalledOnce();
  });
});

describe("a table", () => {
  const columns: Column<{ name: string; n: number }>[] = [
    {
      id: "name",
      header: "Name",
      sort: ({ name }) => name,
      cell: ({ name }) => (
        <a href={`#${name}`} data-row-link>
          {name}
        </a>
      ),
    },
    { id: "n", header: "Rows", sort: ({ n }) => n, cell: ({ n }) => n },
  ];
  const rows = [
    { name: "b", n: 1 },
    { name: "a", n: 2 },
  ];
  function Table() {
    const [sort, setSort] = useState<string | undefined>();
    const parts = { columns, rows, sort, onSort: setSort };
    return <DataTable label="Syncs" rowKey={({ name }) => name} {...parts} />;
  }
  const links = () => screen.getAllByRole("link").map((link) => link.textContent);

  it("sorts by a press on a header, and says how", async () => {
    render(<Table />);
    const header = screen.getByRole("button", { name: "Name" });
    await userEvent.click(header);
    expect(links()).toEqual(["a", "b"]);
    expect(header.closest("th")?.getAttribute("aria-sort")).toBe("ascending");
    await userEvent.click(header);
    expect(links()).toEqual(["b", "a"]);
    await userEvent.click(header);
    expect(header.closest("th")?.getAttribute("aria-sort")).toBeNull();
  });

  it("is walked with j and k", async () => {
    render(<Table />);
    await userEvent.keyboard("jj");
    expect(document.activeElement?.textContent).toBe("a");
    await userEvent.keyboard("k");
    expect(document.activeElement?.textContent).toBe("b");
  });
});

it("shows markup of others as text", () => {
  const evil = { "<img src=x onerror=alert(1)>": "</script><script>alert(1)</script>" };
  const { container } = render(<JsonView value={evil} />);
  expect(container.querySelector("img, script")).toBeNull();
  expect(container.textContent).toContain("<img src=x onerror=alert(1)>");
});

it("has a word for a state that it does not know", () => {
  expect(lookOf("half_done").word).toBe("half done");
});
