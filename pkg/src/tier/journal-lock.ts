// Two tiers that wrote to one file would each undo what the other keeps: beside it stands who has it, for as long as that process lives.

export interface LockHost {
  linkSync(from: string, to: string): void;
  readFileSync(path: string, encoding: 'utf8'): string;
  renameSync(from: string, to: string): void;
  unlinkSync(path: string): void;
  writeFileSync(path: string, text: string): void;
}

interface Processes {
  process: { pid: number; kill(pid: number, signal: 0): void };
}

const { process } = globalThis as unknown as Processes;

/** A name that nobody else uses, threads of this process included. */
const aside = (name: string): string => `${name}.${process.pid}.${Math.random().toString(36).slice(2)}`;

/** Takes a file for this process; what lets go of it. Throws if it is taken. */
export function lock(fs: LockHost, path: string): () => void {
  const name = `${path}.lock`;
  const own = aside(name);
  fs.writeFileSync(own, `${process.pid} ${startOf(fs, process.pid)}`);
  try {
    if (!linked(fs, own, name)) {
      removeIfStale(fs, name, path);
      // Whole at once, unlike a file that is made and then written to.
      if (!linked(fs, own, name)) throw taken(path);
    }
  } finally {
    fs.unlinkSync(own);
  }
  return () => fs.unlinkSync(name);
}

function taken(path: string): Error {
  return new Error(`cachette: the journal ${path} is another tier's`);
}

function linked(fs: LockHost, own: string, name: string): boolean {
  try {
    fs.linkSync(own, name);
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === 'EEXIST') return false;
    throw error;
  }
}

/** Its owner ended without a word. */
function removeIfStale(fs: LockHost, name: string, path: string): void {
  const owner = read(fs, name);
  if (owner === undefined) return;
  if (isAlive(fs, owner)) throw taken(path);
  const old = aside(name);
  fs.renameSync(name, old);
  // Somebody else may have removed it and taken its place meanwhile.
  const isOther = read(fs, old) !== owner;
  if (isOther) linked(fs, old, name);
  fs.unlinkSync(old);
  if (isOther) throw taken(path);
}

function read(fs: LockHost, name: string): string | undefined {
  try {
    return fs.readFileSync(name, 'utf8');
  } catch {
    return undefined;
  }
}

function isAlive(fs: LockHost, owner: string): boolean {
  const [pid, start] = owner.split(' ');
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    if ((error as { code?: string }).code === 'ESRCH') return false;
  }
  // Numbers of processes are used again: in a container, of this very one.
  return !start || startOf(fs, Number(pid)) === start;
}

/** When a process began, where the system says so. */
function startOf(fs: LockHost, pid: number): string {
  const stat = read(fs, `/proc/${pid}/stat`) ?? '';
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}
