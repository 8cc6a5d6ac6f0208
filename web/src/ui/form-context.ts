/** What a form knows of its problem: each field takes what is said about it. */
import { createContext, useContext, useEffect } from "react";
import { entriesAt, type Problem, type ProblemEntry } from "../api/problem";

export interface FormState {
  problem: Problem | null;
  /** A field says its name, so that what no field shows stands above the form. */
  register: (name: string) => () => void;
}

export const FormContext = createContext<FormState>({
  problem: null,
  register: () => () => undefined,
});

/** What the form's problem says about this field. */
export function useFieldProblems(name: string): ProblemEntry[] {
  const { problem, register } = useContext(FormContext);
  useEffect(() => register(name), [name, register]);
  return entriesAt(problem, name);
}
