/** The tools of the guide's agent: notes in a SQLite file. */
import { DatabaseSync } from "node:sqlite";
import { defineTool } from "@busbar/agent";

const FILE = process.env["NOTES_DB"] ?? "notes.db";

function open(): DatabaseSync {
  const database = new DatabaseSync(FILE);
  database.exec("CREATE TABLE IF NOT EXISTS notes (key TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT");
  return database;
}

function withDatabase<T>(use: (database: DatabaseSync) => T): T {
  const database = open();
  try {
    return use(database);
  } finally {
    database.close();
  }
}

const list = defineTool({
  name: "notes.list",
  description: "All notes.",
  effect: "read",
  args: { type: "object", properties: {}, additionalProperties: false },
  timeoutMs: 2000,
  run: () =>
    withDatabase((database) => {
      const rows = database.prepare("SELECT text FROM notes ORDER BY rowid").all();
      return { notes: rows.map((row) => String(row["text"])) };
    }),
});

// #region add
const add = defineTool<{ readonly text: string }>({
  name: "notes.add",
  description: "Adds a note.",
  effect: "write",
  // The key of an effect is stored with it, so a repetition changes nothing: the bus may fire again after a crash.
  toolClass: "exact",
  // The file remembers its keys for as long as it exists.
  keyLifetimeMs: 365 * 24 * 3600 * 1000,
  args: {
    type: "object",
    properties: { text: { type: "string", minLength: 1, maxLength: 500 } },
    required: ["text"],
    additionalProperties: false,
  },
  result: { type: "object", properties: { added: { type: "boolean" } }, required: ["added"] },
  timeoutMs: 2000,
  run: ({ text }, { key }) =>
    withDatabase((database) => {
      database.prepare("INSERT INTO notes (key, text) VALUES (?, ?) ON CONFLICT DO NOTHING").run(key, text);
      return { added: true };
    }),
});
// #endregion

export const tools = [list, add];
