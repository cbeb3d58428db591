"""Reads what the extension keeps, from a page of its own."""

UNPACK = """async (bytes) => {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}"""

READ_STORE = f"""async name => {{
  const unpack = {UNPACK};
  const open = indexedDB.open("action-model");
  const database = await new Promise((resolve, reject) => {{
    open.onsuccess = () => resolve(open.result);
    open.onerror = () => reject(open.error);
  }});
  const rows = database.transaction(name).objectStore(name).getAll();
  const found = await new Promise((resolve) => {{ rows.onsuccess = () => resolve(rows.result); }});
  database.close();
  return Promise.all(found.map(async ({{ body, packed, ...row }}) => ({{
    ...row,
    ...(body ? await unpack(body) : {{}}),
    ...(packed ? {{ entries: await unpack(packed) }} : {{}}),
  }})));
}}"""
