// A catalogue, as the protocol writes it: the figures in it, and what is looked up in it. Where each stands is described in the
// module.

/** The figures of a catalogue as parameters of the machine whose surroundings are described. */
export function figures({ about }, catalogue) {
  const found = {};
  for (const { key, parameter, is_of_entries: isOfEntries, cell, members } of about.around.figures) {
    if (catalogue[key] == null) throw new RangeError(`catalogue.${key}: it is required`);
    const entries = isOfEntries ? Object.entries(catalogue[key]) : [];
    if (!isOfEntries) found[parameter] = catalogue[key];
    for (const [name, entry] of entries) {
      const value = cell ? entry[cell] : entry;
      for (const member of members) found[`${parameter}[${name},${member}]`] = value.includes(member);
      if (!members.length) found[`${parameter}[${name}]`] = value;
    }
  }
  return found;
}

/** A fact about what a record names, from the table that lists it. */
export function lookedUp({ key, table, variants, cell, absent, unlisted, listed }, catalogue, record) {
  const named = record[key];
  if (named == null) return absent;
  if (table === undefined) return listed;
  const entry = entryOf(catalogue[table] ?? {}, named, variants);
  if (entry === undefined) return unlisted;
  return listed ?? (cell ? entry[cell] : entry);
}

/** The entry that a name is, or is a variant of: then the one with the longest name. */
function entryOf(entries, named, variants) {
  if (Object.hasOwn(entries, named)) return entries[named];
  const found = variants ? Object.keys(entries).filter((name) => named.startsWith(name) && variants.includes(named[name.length])) : [];
  return entries[found.sort((one, other) => other.length - one.length)[0]];
}
