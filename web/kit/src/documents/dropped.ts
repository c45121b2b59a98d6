const MOST_FILES = 10_000;

/** Every file that was dropped, those in folders too; hidden ones are left out. */
export async function droppedFiles(transfer: DataTransfer): Promise<File[]> {
  const entries = [...transfer.items]
    .map((item) => item.webkitGetAsEntry())
    .filter((entry) => entry !== null);
  if (!entries.length) return [...transfer.files];
  const found: File[] = [];
  for (const entry of entries) await walk(entry, found);
  return found;
}

/** The files of a chosen folder, hidden ones left out. */
export function visible(files: Iterable<File>): File[] {
  return [...files].filter((file) => !`/${file.webkitRelativePath || file.name}`.includes("/."));
}

async function walk(entry: FileSystemEntry, found: File[]): Promise<void> {
  if (entry.name.startsWith(".") || found.length >= MOST_FILES) return;
  if (entry.isFile) {
    found.push(
      await new Promise((done, failed) => (entry as FileSystemFileEntry).file(done, failed)),
    );
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (let some = await read(reader); some.length; some = await read(reader)) {
    for (const child of some) await walk(child, found);
  }
}

function read(reader: FileSystemDirectoryReader): Promise<FileSystemEntry[]> {
  return new Promise((done, failed) => reader.readEntries(done, failed));
}
