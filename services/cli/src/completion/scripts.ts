/**
 * Completion scripts for three shells, each made from the same tree. They complete commands, options and the values of
 * options with a fixed choice; they ask no bus, so they answer at once.
 */
import type { CompletedCommand } from "./tree.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

const unique = (words: readonly string[]): readonly string[] => [...new Set(words)];

/** All words that may follow a command. The options of the whole program may stand anywhere. */
function wordsAfter({ inner, options }: CompletedCommand, globals: readonly string[]): readonly string[] {
  return unique([...inner.map(({ name }) => name), ...options.flatMap(({ flags }) => flags), ...globals, "--help"]);
}

interface Data {
  /** Command lines, each with the words that may follow. */
  readonly after: readonly (readonly [path: string, words: string])[];
  readonly inner: readonly (readonly [path: string, names: string])[];
  /** `<path>:<flag>` with the values of its choice. */
  readonly values: readonly (readonly [key: string, values: string])[];
  /** Flags that a value follows. */
  readonly valued: string;
}

function dataOf(tree: readonly CompletedCommand[]): Data {
  const globals = (tree[0]?.options ?? []).flatMap(({ flags }) => flags);
  const choices = tree.flatMap(({ path, options }) =>
    options.flatMap(({ flags, choices: values }) =>
      values === null ? [] : flags.map((flag) => [`${path}:${flag}`, values.join(" ")] as const),
    ),
  );
  const all = tree.flatMap(({ options }) =>
    options.filter(({ takesValue }) => takesValue).flatMap(({ flags }) => flags),
  );
  return {
    after: tree.map((command) => [command.path, wordsAfter(command, globals).join(" ")]),
    inner: tree.filter(({ inner }) => inner.length > 0).map(({ path, inner }) => [path, namesOf(tree, path, inner)]),
    values: choices,
    valued: unique(all).join(" "),
  };
}

/** Aliases lead on, too, although they are not offered. */
function namesOf(tree: readonly CompletedCommand[], path: string, inner: CompletedCommand["inner"]): string {
  const lead = path === "" ? "" : `${path} `;
  const below = tree.map((one) => one.path).filter((one) => one.startsWith(lead) && one !== path);
  const next = below.map((one) => one.slice(lead.length)).filter((rest) => rest !== "" && !rest.includes(" "));
  return unique([...inner.map(({ name }) => name), ...next]).join(" ");
}

const cases = (rows: readonly (readonly [string, string])[]): string =>
  rows.map(([key, words]) => `    ${quoted(key)}) printf '%s' ${quoted(words)};;`).join("\n");

/** Shared by bash and zsh, whose syntax is the same as far as it is used here. */
function functions(data: Data): string {
  return `_busbar_after() {
  case "$1" in
${cases(data.after)}
  esac
}
_busbar_inner() {
  case "$1" in
${cases(data.inner)}
  esac
}
_busbar_values() {
  case "$1" in
${cases(data.values)}
  esac
}
_busbar_valued=${quoted(` ${data.valued} `)}
# Prints what may follow: $1 is the word before the cursor, the rest are all words before it.
_busbar_words() {
  local prev="$1" path="" before="" word
  shift
  for word in "$@"; do
    case "$_busbar_valued" in *" $before "*) [ -n "$before" ] && { before="$word"; continue; };; esac
    case " $(_busbar_inner "$path") " in *" $word "*) path="\${path:+$path }$word";; esac
    before="$word"
  done
  case "$_busbar_valued" in
    *" $prev "*)
      if [ -n "$prev" ]; then
        _busbar_values "$path:$prev"
        [ -n "$(_busbar_values "$path:$prev")" ] || _busbar_values ":$prev"
        return
      fi;;
  esac
  _busbar_after "$path"
}`;
}

function bash(data: Data): string {
  return `# bash completion of busbar. Made by: busbar completion bash
# Use it with:  source <(npx busbar completion bash)
${functions(data)}
_busbar() {
  local first=1
  [ "\${COMP_WORDS[0]}" = npx ] && first=2
  local words=("\${COMP_WORDS[@]:first:COMP_CWORD-first}")
  local prev=""
  [ "$COMP_CWORD" -gt "$first" ] && prev="\${COMP_WORDS[COMP_CWORD-1]}"
  COMPREPLY=($(compgen -W "$(_busbar_words "$prev" "\${words[@]}")" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
_busbar_npx() {
  if [ "\${COMP_WORDS[1]}" = busbar ] && [ "$COMP_CWORD" -gt 1 ]; then _busbar; fi
}
complete -o default -F _busbar busbar
# A completion of npx that is there already stays.
complete -p npx >/dev/null 2>&1 || complete -o default -F _busbar_npx npx
`;
}

function zsh(data: Data): string {
  return `#compdef busbar
# zsh completion of busbar. Made by: busbar completion zsh
# Use it with:  source <(npx busbar completion zsh)
${functions(data)}
_busbar() {
  emulate -L zsh
  local prev=""
  (( CURRENT > 2 )) && prev="\${words[CURRENT-1]}"
  local -a before
  before=("\${(@)words[2,CURRENT-1]}")
  local -a offered
  offered=(\${=$(_busbar_words "$prev" "\${before[@]}")})
  compadd -a offered
}
_busbar_npx() {
  if [[ "\${words[2]}" == busbar ]] && (( CURRENT > 2 )); then
    shift words
    (( CURRENT-- ))
    _busbar
  else
    _default
  fi
}
compdef _busbar busbar
# A completion of npx that is there already stays.
(( \${+_comps[npx]} )) || compdef _busbar_npx npx
`;
}

function fishLine(condition: string, rest: string): string {
  return `complete -c busbar -n ${quoted(condition)} ${rest}`;
}

/** The command of a path has been typed, and none below it. */
function fishCondition({ path, inner }: CompletedCommand): string {
  if (path === "") return "__fish_use_subcommand";
  const seen = path.split(" ").map((word) => `__fish_seen_subcommand_from ${word}`);
  const names = inner.map(({ name }) => name).join(" ");
  return [...seen, ...(names === "" ? [] : [`not __fish_seen_subcommand_from ${names}`])].join("; and ");
}

function fishOptions(command: CompletedCommand): readonly string[] {
  return command.options.map(({ flags, takesValue, choices, description }) => {
    const names = flags.map((flag) => (flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
    const value = choices === null ? (takesValue ? ["-r"] : []) : ["-x", "-a", quoted(choices.join(" "))];
    const line = [...names, ...value, "-d", quoted(description)].join(" ");
    return command.path === "" ? `complete -c busbar ${line}` : fishLine(fishCondition(command), line);
  });
}

/** The line behind npx is completed as it would be without. */
const NPX_LINE = 'string match -rq "^\\s*npx\\s+busbar\\s" -- (commandline -cp)';
const NPX_WORDS = '(complete -C (string replace -r "^\\s*npx\\s+" "" -- (commandline -cp)))';

function fish(tree: readonly CompletedCommand[]): string {
  const lines = tree.flatMap((command) => [
    ...command.inner.map(({ name, description }) =>
      fishLine(fishCondition(command), `-f -a ${quoted(name)} -d ${quoted(description)}`),
    ),
    ...fishOptions(command),
  ]);
  return `# fish completion of busbar. Made by: busbar completion fish
# Use it with:  npx busbar completion fish | source
${lines.join("\n")}
complete -c npx -n ${quoted(NPX_LINE)} -f -a ${quoted(NPX_WORDS)}
`;
}

export function completionScript(shell: Shell, tree: readonly CompletedCommand[]): string {
  if (shell === "fish") return fish(tree);
  return shell === "bash" ? bash(dataOf(tree)) : zsh(dataOf(tree));
}
