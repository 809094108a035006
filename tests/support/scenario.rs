//! Reads `tests/scenarios/*.toml` and runs them against a target. The format's manual is `tests/scenarios/README.md`.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use toml::{Table, Value as Toml};

use super::notation::{self, Pattern, describe, json_bytes, show};
use super::resp::Value;
use super::target::{Client, Target, Trouble};
use super::words::{line, quote, split, unescape, word};

pub struct File {
    pub path: PathBuf,
    pub name: String,
    pub variants: Vec<Variant>,
    pub scenarios: Vec<Scenario>,
}

/// One configuration under which the scenarios of a file run.
#[derive(Clone, Debug, Default)]
pub struct Variant {
    pub name: String,
    pub config: Vec<(String, String)>,
}

pub struct Scenario {
    pub name: String,
    pub config: Vec<(String, String)>,
    /// Names of the variants that it is about; empty: all.
    pub only: Vec<String>,
    pub since: (u32, u32),
    pub resp: Option<u8>,
    pub needs: Vec<String>,
    pub steps: Vec<Step>,
}

pub enum Step {
    Do { client: String, argv: Vec<Vec<u8>>, repeat: usize, two: Pattern, three: Pattern, save: Option<String>, text: String },
    Raw { client: String, bytes: Vec<u8>, answers: Vec<u8>, closed: bool, blank: bool },
    Read { client: String, two: Pattern, three: Pattern },
    Scan { client: String, argv: Vec<Vec<u8>>, between: Option<Vec<Vec<u8>>>, wants: ScanWants },
    Advance(u64),
    Close(String),
}

#[derive(Default)]
pub struct ScanWants {
    /// Exactly these elements.
    pub yields: Option<BTreeSet<Vec<Vec<u8>>>>,
    /// At least these.
    pub includes: BTreeSet<Vec<Vec<u8>>>,
    /// So many different ones.
    pub count: Option<usize>,
}

/// Every scenario file of the repository, in the order of their names.
pub fn load_all() -> Vec<File> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    paths.sort();
    paths.iter().map(|path| load(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))).collect()
}

fn load(path: &Path) -> Result<File, String> {
    let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
    let table: Table = text.parse().map_err(|e: toml::de::Error| e.to_string())?;
    let mut file =
        File { path: path.into(), name: path.file_stem().unwrap().to_string_lossy().into(), variants: vec![], scenarios: vec![] };
    for (key, value) in &table {
        match key.as_str() {
            "matrix" => {
                for (name, config) in value.as_table().ok_or("[matrix] holds one table a variant")? {
                    file.variants.push(Variant { name: name.clone(), config: config_of(config)? });
                }
            }
            "scenario" => {
                for entry in value.as_array().ok_or("[[scenario]] is wanted")? {
                    let table = entry.as_table().ok_or("[[scenario]] is wanted")?;
                    let name = table.get("name").and_then(Toml::as_str).ok_or("a scenario has no name")?;
                    file.scenarios.push(scenario(name, table).map_err(|why| format!("scenario {name:?}: {why}"))?);
                }
            }
            other => return Err(format!("unknown key {other}")),
        }
    }
    if file.variants.is_empty() {
        file.variants.push(Variant::default());
    }
    let known: Vec<&String> = file.variants.iter().map(|v| &v.name).collect();
    for scenario in &file.scenarios {
        if let Some(odd) = scenario.only.iter().find(|o| !known.contains(o)) {
            return Err(format!("scenario {:?}: no variant is called {odd}", scenario.name));
        }
    }
    Ok(file)
}

fn config_of(value: &Toml) -> Result<Vec<(String, String)>, String> {
    let table = value.as_table().ok_or("a configuration is a table")?;
    Ok(table.iter().map(|(name, value)| (name.clone(), plain(value))).collect())
}

fn plain(value: &Toml) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_string)
}

fn strings(value: &Toml) -> Result<Vec<String>, String> {
    match value {
        Toml::String(one) => Ok(vec![one.clone()]),
        Toml::Array(many) => {
            many.iter().map(|v| v.as_str().map(str::to_string).ok_or(format!("a text is wanted, not {v}"))).collect()
        }
        other => Err(format!("texts are wanted, not {other}")),
    }
}

fn scenario(name: &str, table: &Table) -> Result<Scenario, String> {
    let mut out =
        Scenario { name: name.into(), config: vec![], only: vec![], since: (0, 0), resp: None, needs: vec![], steps: vec![] };
    let mut steps = Vec::new();
    for (key, value) in table {
        match key.as_str() {
            "name" => {}
            "config" => out.config = config_of(value)?,
            "only" => out.only = strings(value)?,
            "needs" => out.needs = strings(value)?,
            "resp" => out.resp = value.as_integer().map(|n| n as u8),
            "since" => {
                let (major, minor) = value.as_str().and_then(|v| v.split_once('.')).ok_or("since = \"7.2\"")?;
                out.since = (major.parse().map_err(|_| "since")?, minor.parse().map_err(|_| "since")?);
            }
            "given" => {
                for command in strings(value)? {
                    out.steps.push(command_step(&command, "success", None)?);
                }
            }
            "steps" => {
                for entry in value.as_array().ok_or("steps is an array")? {
                    steps.push(step(entry).map_err(|why| format!("step {entry}: {why}"))?);
                }
            }
            other => return Err(format!("unknown key {other}")),
        }
    }
    out.steps.append(&mut steps);
    Ok(out)
}

/// `${text*N}` becomes the text N times.
fn expand(text: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let end = rest[start..].find('}').ok_or("no closing brace after ${")? + start;
        let (what, times) = rest[start + 2..end].rsplit_once('*').ok_or("${text*N} is wanted")?;
        out.push_str(&rest[..start]);
        out.push_str(&what.repeat(times.parse().map_err(|_| "${text*N} wants a number")?));
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

/// `b> GET k` is the command `GET k` of client `b`.
fn client_and_command(text: &str) -> (&str, &str) {
    match text.split_once("> ") {
        Some((client, command)) if !client.is_empty() && client.bytes().all(|b| b.is_ascii_alphanumeric()) => (client, command),
        _ => ("main", text),
    }
}

fn command_step(command: &str, two: &str, three: Option<&str>) -> Result<Step, String> {
    let (client, command) = client_and_command(command);
    let argv = split(&expand(command)?)?;
    let pattern = |text: &str| notation::parse(&expand(text)?);
    Ok(Step::Do {
        client: client.into(),
        argv,
        repeat: 1,
        two: pattern(two)?,
        three: pattern(three.unwrap_or(two))?,
        save: None,
        text: command.into(),
    })
}

fn step(entry: &Toml) -> Result<Step, String> {
    if let Toml::Array(parts) = entry {
        let text = |at: usize| parts.get(at).map(|v| v.as_str().ok_or("a reply is a text"));
        let two = text(1).transpose()?.unwrap_or("success");
        let three = text(2).transpose()?;
        return match parts.first() {
            Some(Toml::String(command)) => command_step(command, two, three),
            Some(Toml::Array(words)) => {
                let words = strings(&Toml::Array(words.clone()))?;
                let mut made = command_step("", two, three)?;
                if let Step::Do { argv, text, .. } = &mut made {
                    *argv = words.iter().map(|w| w.as_bytes().to_vec()).collect();
                    *text = line(argv);
                }
                Ok(made)
            }
            _ => Err("[command, reply] is wanted".into()),
        };
    }
    let table = entry.as_table().ok_or("a step is an array or a table")?;
    let get = |key: &str| table.get(key).map(plain);
    let client = || get("on").unwrap_or_else(|| "main".into());
    for key in table.keys() {
        let known = [
            "do", "on", "reply", "reply3", "repeat", "save", "raw", "answers", "closed", "read", "scan", "between", "yields",
            "includes", "count", "advance", "close",
        ];
        if !known.contains(&key.as_str()) {
            return Err(format!("unknown key {key}"));
        }
    }
    if let Some(ms) = get("advance") {
        return Ok(Step::Advance(ms.parse().map_err(|_| "advance = milliseconds")?));
    }
    if let Some(client) = get("close") {
        return Ok(Step::Close(client));
    }
    if let Some(raw) = get("raw") {
        let answers = get("answers").unwrap_or_default();
        return Ok(Step::Raw {
            client: client(),
            bytes: unescape(&expand(&raw)?)?,
            answers: unescape(&expand(&answers)?)?,
            closed: table.get("closed").and_then(Toml::as_bool).unwrap_or(false),
            blank: answers == "?",
        });
    }
    if let Some(read) = get("read") {
        let three = get("reply3").unwrap_or_else(|| read.clone());
        return Ok(Step::Read { client: client(), two: notation::parse(&read)?, three: notation::parse(&three)? });
    }
    if let Some(scan) = get("scan") {
        let set = |key: &str| -> Result<Option<BTreeSet<Vec<Vec<u8>>>>, String> {
            match table.get(key) {
                None => Ok(None),
                Some(value) => strings(value)?.iter().map(|s| split(s)).collect::<Result<_, _>>().map(Some),
            }
        };
        let wants = ScanWants {
            yields: set("yields")?,
            includes: set("includes")?.unwrap_or_default(),
            count: get("count").map(|n| n.parse().map_err(|_| "count")).transpose()?,
        };
        let between = get("between").map(|b| split(&b)).transpose()?;
        return Ok(Step::Scan { client: client(), argv: split(&scan)?, between, wants });
    }
    let command = get("do").ok_or("a step wants one of do, raw, read, scan, advance, close")?;
    let two = get("reply").unwrap_or_else(|| "success".into());
    let mut made = command_step(&command, &two, get("reply3").as_deref())?;
    if let Step::Do { client: on, repeat, save, .. } = &mut made {
        if let Some(name) = get("on") {
            *on = name;
        }
        *repeat = get("repeat").map_or(Ok(1), |n| n.parse().map_err(|_| "repeat = number"))?;
        *save = get("save");
    }
    Ok(made)
}

/// What came of running scenarios.
#[derive(Default)]
pub struct Outcome {
    pub scenarios: usize,
    pub steps: usize,
    pub skipped: usize,
    pub failures: Vec<String>,
    /// Commands that the target does not have; scenarios that use them were skipped.
    pub unknown: BTreeSet<String>,
    /// Replies to the steps whose expectation is still `?`: file, number of the step among those, protocol.
    pub blanks: HashMap<(PathBuf, usize, u8), String>,
    pub blank_values: HashMap<(PathBuf, usize, u8), Value>,
}

/// Runs every scenario that this target can run, in this protocol, under every variant of its file.
pub fn run_all(files: &[File], target: &mut dyn Target, resp: u8, able: &[&str]) -> Outcome {
    let filter = std::env::var("SCENARIO").unwrap_or_default();
    let mut outcome = Outcome::default();
    for file in files {
        let mut blanks_before = 0;
        for scenario in &file.scenarios {
            let blanks = scenario.steps.iter().filter(|s| s.is_blank()).count();
            if format!("{}/{}", file.name, scenario.name).contains(&filter) {
                for variant in &file.variants {
                    run_one(file, scenario, variant, target, resp, able, blanks_before, &mut outcome);
                }
            }
            blanks_before += blanks;
        }
    }
    outcome
}

#[allow(clippy::too_many_arguments)]
fn run_one(
    file: &File,
    scenario: &Scenario,
    variant: &Variant,
    target: &mut dyn Target,
    resp: u8,
    able: &[&str],
    blanks_before: usize,
    outcome: &mut Outcome,
) {
    if !scenario.only.is_empty() && !scenario.only.contains(&variant.name) {
        return;
    }
    let wrong_protocol = scenario.resp.is_some_and(|r| r != resp);
    let unable = scenario.needs.iter().any(|n| !able.contains(&n.as_str()));
    if wrong_protocol || unable || scenario.since > target.version() {
        outcome.skipped += usize::from(!wrong_protocol);
        return;
    }
    let configures = [["CONFIG", "SET", "maxmemory", "0"].map(|w| w.as_bytes().to_vec()).to_vec()];
    let configures = if variant.config.is_empty() && scenario.config.is_empty() { &[][..] } else { &configures };
    let unknown: Vec<String> =
        scenario.commands().chain(configures).filter(|argv| !target.knows(argv)).map(|argv| name_of(argv)).collect();
    if !unknown.is_empty() {
        outcome.unknown.extend(unknown);
        outcome.skipped += 1;
        return;
    }
    target.fresh();
    let mut run = Run { target, resp, clients: HashMap::new(), protocol: HashMap::new(), saved: HashMap::new(), log: vec![] };
    let mut blank = blanks_before;
    let config: Vec<_> = variant.config.iter().chain(&scenario.config).cloned().collect();
    let mut failure = run.configure(&config).err();
    for (at, step) in scenario.steps.iter().enumerate() {
        if failure.is_some() {
            break;
        }
        match run.step(step) {
            Ok(seen) => {
                if step.is_blank() {
                    let key = (file.path.clone(), blank, resp);
                    match seen {
                        Seen::Reply(value) => drop(outcome.blank_values.entry(key).or_insert(value)),
                        Seen::Raw(text) => drop(outcome.blanks.entry(key).or_insert(text)),
                    }
                    blank += 1;
                }
            }
            Err(why) => failure = Some(format!("  step {}: {why}", at + 1)),
        }
        outcome.steps += 1;
    }
    let failure = failure.or_else(|| run.target.check().err().map(|why| format!("  after the last step: {why}")));
    outcome.scenarios += 1;
    if let Some(why) = failure {
        let place = if variant.name.is_empty() { String::new() } else { format!(", {}", variant.name) };
        let log = run.log.iter().map(|l| format!("    {l}\n")).collect::<String>();
        let name = run.target.name();
        outcome
            .failures
            .push(format!("{}.toml: \"{}\" on {name}, RESP{resp}{place}\n{why}\n  replay:\n{log}", file.name, scenario.name));
    }
}

enum Seen {
    Reply(Value),
    Raw(String),
}

impl Scenario {
    /// The commands that it needs the target to have.
    fn commands(&self) -> impl Iterator<Item = &Vec<Vec<u8>>> {
        self.steps.iter().filter_map(|step| match step {
            Step::Do { two: Pattern::Error(text), .. } if text.starts_with(b"ERR unknown") => None,
            Step::Do { two: Pattern::Any(notation::Class::Error), .. } => None,
            Step::Do { argv, two: Pattern::Nothing, .. } if argv[0] == b"NOSUCH" => None,
            Step::Do { argv, .. } | Step::Scan { argv, .. } => Some(argv),
            _ => None,
        })
    }
}

fn name_of(argv: &[Vec<u8>]) -> String {
    let words: Vec<String> = argv.iter().take(2).map(|w| String::from_utf8_lossy(w).to_ascii_uppercase()).collect();
    let container = ["CLIENT", "CONFIG", "COMMAND", "OBJECT", "MEMORY", "DEBUG", "SLOWLOG", "LATENCY", "CLUSTER"];
    if container.contains(&words[0].as_str()) { words.join(" ") } else { words[0].clone() }
}

impl Step {
    pub fn is_blank(&self) -> bool {
        match self {
            Step::Do { two, .. } | Step::Read { two, .. } => matches!(two, Pattern::Blank),
            Step::Raw { blank, .. } => *blank,
            _ => false,
        }
    }
}

struct Run<'a> {
    target: &'a mut dyn Target,
    resp: u8,
    clients: HashMap<String, Client>,
    protocol: HashMap<Client, u8>,
    saved: HashMap<String, Value>,
    log: Vec<String>,
}

impl Run<'_> {
    fn configure(&mut self, config: &[(String, String)]) -> Result<(), String> {
        for (name, value) in config {
            let argv = [b"CONFIG".to_vec(), b"SET".to_vec(), name.clone().into_bytes(), value.clone().into_bytes()];
            let client = self.client("main")?;
            self.log.push(line(&argv));
            match self.target.call(client, &argv) {
                Ok(Value::Simple(_)) => {}
                Ok(other) => return Err(format!("  CONFIG SET {name} {value}: {}", show(&other))),
                Err(trouble) => return Err(format!("  CONFIG SET {name} {value}: {trouble:?}")),
            }
        }
        Ok(())
    }

    fn client(&mut self, name: &str) -> Result<Client, String> {
        if let Some(client) = self.clients.get(name) {
            return Ok(*client);
        }
        let client = self.target.connect();
        self.clients.insert(name.into(), client);
        self.protocol.insert(client, 2);
        if self.resp == 3 && name != "plain" {
            let hello = [b"HELLO".to_vec(), b"3".to_vec()];
            match self.target.call(client, &hello) {
                Ok(Value::Map(_)) => {}
                other => return Err(format!("HELLO 3: {other:?}")),
            }
            self.protocol.insert(client, 3);
        }
        Ok(client)
    }

    fn note(&mut self, client: &str, text: &str) {
        self.log.push(if client == "main" { text.into() } else { format!("{client}> {text}") });
    }

    fn step(&mut self, step: &Step) -> Result<Seen, String> {
        let nothing = Ok(Seen::Reply(Value::Null));
        match step {
            Step::Do { client, argv, repeat, two, three, save, .. } => {
                let mut last = Value::Null;
                for i in 0..*repeat {
                    let argv = self.fill_in(argv, (*repeat > 1).then_some(i));
                    self.note(client, &line(&argv));
                    last = self.command(client, &argv, two, three)?;
                }
                if let Some(name) = save {
                    self.saved.insert(name.clone(), last.clone());
                }
                Ok(Seen::Reply(last))
            }
            Step::Read { client, two, three } => {
                let id = self.client(client)?;
                self.expect(id, "(read)", two, three).map(Seen::Reply)
            }
            Step::Raw { client, bytes, answers, closed, blank } => {
                let id = self.client(client)?;
                self.note(client, &format!("raw {}", quote(&bytes[..bytes.len().min(200)])));
                self.target.send(id, bytes);
                let (got, hung_up) = self.target.receive_raw(id, if *blank { 1 } else { answers.len() }, *closed || *blank);
                if *blank {
                    let text = quote(&got);
                    return Ok(Seen::Raw(format!("{}{}", &text[1..text.len() - 1], if hung_up { " CLOSED" } else { "" })));
                }
                if got != *answers {
                    return Err(format!("raw {}\n    expected: {}\n    got:      {}", quote(bytes), quote(answers), quote(&got)));
                }
                if *closed && !hung_up {
                    return Err(format!("raw {}: the connection should have been closed", quote(bytes)));
                }
                nothing
            }
            Step::Scan { client, argv, between, wants } => {
                self.scan(client, argv, between.as_deref(), wants)?;
                nothing
            }
            Step::Advance(ms) => {
                self.log.push(format!("(advance {ms} ms)"));
                self.target.advance(*ms);
                nothing
            }
            Step::Close(name) => {
                if let Some(client) = self.clients.remove(name) {
                    self.target.close(client);
                }
                nothing
            }
        }
    }

    /// Puts the number of the round in the place of `$i`, and saved replies in the place of their names.
    fn fill_in(&self, argv: &[Vec<u8>], round: Option<usize>) -> Vec<Vec<u8>> {
        let put = |arg: &Vec<u8>| {
            if !arg.contains(&b'$') {
                return arg.clone();
            }
            let mut text = String::from_utf8_lossy(arg).into_owned();
            if let Some(i) = round {
                text = text.replace("$i", &i.to_string());
            }
            for (name, value) in &self.saved {
                text = text.replace(&format!("${name}"), &String::from_utf8_lossy(&value.text().unwrap_or_default()));
            }
            text.into_bytes()
        };
        argv.iter().map(put).collect()
    }

    fn command(&mut self, client: &str, argv: &[Vec<u8>], two: &Pattern, three: &Pattern) -> Result<Value, String> {
        let id = self.client(client)?;
        self.target.send(id, &super::resp::encode(argv));
        let value = self.expect(id, &line(argv), two, three)?;
        if !value.is_error() {
            let name = argv.first().map(|n| n.to_ascii_uppercase()).unwrap_or_default();
            if name == b"RESET" {
                self.protocol.insert(id, 2);
            }
        }
        Ok(value)
    }

    fn expect(&mut self, client: Client, what: &str, two: &Pattern, three: &Pattern) -> Result<Value, String> {
        let resp = self.protocol[&client];
        let wanted = if resp == 3 { three } else { two };
        match wanted {
            Pattern::Nothing => return Ok(Value::Null),
            Pattern::Blocked if self.target.quiet(client) => return Ok(Value::Null),
            Pattern::Blocked => {
                let got = self.target.receive(client);
                return Err(format!("{what}\n    expected: no reply yet\n    got:      {got:?}"));
            }
            _ => {}
        }
        let got = match self.target.receive(client) {
            Ok(value) => value,
            Err(trouble) => {
                let trouble = match trouble {
                    Trouble::Closed => "the connection was closed".into(),
                    Trouble::Silent => "no reply".into(),
                    Trouble::Garbage(why) => why,
                };
                return Err(format!("{what}\n    expected: {}\n    got:      {trouble}", wanted.text()));
            }
        };
        // HELLO answers in the protocol that it switches to.
        let resp = match (&got, what.to_ascii_uppercase().starts_with("HELLO ")) {
            (Value::Map(_), true) => 3,
            (Value::Array(_), true) => 2,
            _ => resp,
        };
        self.protocol.insert(client, resp);
        let wanted = if resp == 3 { three } else { two };
        if wanted.resolve(&self.saved).fits(&got, resp) {
            return Ok(got);
        }
        Err(format!("{what}\n    expected: {}\n    got:      {}", wanted.text(), show(&got)))
    }

    /// Follows a cursor from 0 to 0.
    fn scan(&mut self, client: &str, argv: &[Vec<u8>], between: Option<&[Vec<u8>]>, wants: &ScanWants) -> Result<(), String> {
        let id = self.client(client)?;
        let pairs = matches!(argv[0].to_ascii_uppercase().as_slice(), b"HSCAN" | b"ZSCAN");
        let mut cursor = b"0".to_vec();
        let mut seen = BTreeSet::new();
        for round in 0..100_000 {
            let call: Vec<Vec<u8>> = argv.iter().map(|a| if a == b"$cursor" { cursor.clone() } else { a.clone() }).collect();
            self.note(client, &line(&call));
            let reply = self.target.call(id, &call).map_err(|t| format!("{}: {t:?}", line(&call)))?;
            let (Some(next), Some(items)) = (reply.items().first().and_then(Value::text), reply.items().get(1)) else {
                return Err(format!("{}: [cursor, elements] is wanted, not {}", line(&call), show(&reply)));
            };
            for element in items.items().chunks(if pairs { 2 } else { 1 }) {
                seen.insert(element.iter().map(|v| v.text().unwrap_or_default()).collect::<Vec<_>>());
            }
            if next == b"0" {
                return wants.check(&seen).map_err(|why| format!("{}: {why}", line(argv)));
            }
            cursor = next;
            if let Some(command) = between {
                let command = self.fill_in(command, Some(round));
                self.note(client, &line(&command));
                let reply = self.target.call(id, &command).map_err(|t| format!("{}: {t:?}", line(&command)))?;
                if reply.is_error() {
                    return Err(format!("{}: {}", line(&command), show(&reply)));
                }
            }
        }
        Err(format!("{}: the cursor never came back to 0", line(argv)))
    }
}

impl ScanWants {
    fn check(&self, seen: &BTreeSet<Vec<Vec<u8>>>) -> Result<(), String> {
        let text = |set: &mut dyn Iterator<Item = &Vec<Vec<u8>>>| set.map(|e| line(e)).collect::<Vec<_>>().join(" · ");
        if let Some(yields) = &self.yields
            && yields != seen
        {
            let missing = text(&mut yields.difference(seen));
            let surplus = text(&mut seen.difference(yields));
            return Err(format!("missing: {missing}; not expected: {surplus}"));
        }
        let missing = text(&mut self.includes.difference(seen));
        if !missing.is_empty() {
            return Err(format!("missing: {missing}"));
        }
        match self.count {
            Some(count) if count != seen.len() => Err(format!("{count} elements expected, {} seen", seen.len())),
            _ => Ok(()),
        }
    }
}

/// Writes the replies that two runs (RESP2 and RESP3) saw in the place of the `'?'` of the files.
pub fn fill_blanks(files: &[File], two: &Outcome, three: &Outcome) {
    for file in files {
        let text = std::fs::read_to_string(&file.path).unwrap();
        let mut out = String::new();
        for (at, part) in text.split("'?'").enumerate() {
            if at > 0 {
                let key = |resp| (file.path.clone(), at - 1, resp);
                let filled = match (two.blank_values.get(&key(2)), three.blank_values.get(&key(3))) {
                    (Some(a), Some(b)) => match describe(a, b) {
                        (one, None) => toml_text(&one),
                        (a, Some(b)) => format!("{}, {}", toml_text(&a), toml_text(&b)),
                    },
                    (Some(one), None) | (None, Some(one)) => toml_text(&show(one)),
                    (None, None) => match two.blanks.get(&key(2)).or(three.blanks.get(&key(3))) {
                        Some(raw) => toml_text(raw),
                        None => "'?'".into(),
                    },
                };
                out.push_str(&filled);
            }
            out.push_str(part);
        }
        if out != text {
            std::fs::write(&file.path, out).unwrap();
        }
    }
}

fn toml_text(text: &str) -> String {
    if text.contains('\'') { format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")) } else { format!("'{text}'") }
}

/// All scenarios as one JSON document, for runners that read neither TOML nor the notation. Bytes are texts of the characters
/// U+0000 to U+00FF.
pub fn export_json(files: &[File]) -> String {
    let join = |items: Vec<String>| items.join(",");
    let argv_json = |argv: &[Vec<u8>]| format!("[{}]", join(argv.iter().map(|a| json_bytes(a)).collect()));
    let config_json = |config: &[(String, String)]| {
        let pairs = config.iter().map(|(n, v)| format!("[{},{}]", json_bytes(n.as_bytes()), json_bytes(v.as_bytes())));
        format!("[{}]", join(pairs.collect()))
    };
    let set_json = |set: &BTreeSet<Vec<Vec<u8>>>| format!("[{}]", join(set.iter().map(|e| argv_json(e)).collect()));
    let texts = |all: &[String]| format!("[{}]", join(all.iter().map(|t| json_bytes(t.as_bytes())).collect()));
    let step_json = |step: &Step| match step {
        Step::Do { client, argv, repeat, two, three, save, .. } => format!(
            "{{\"do\":{},\"on\":\"{client}\",\"repeat\":{repeat},\"save\":\"{}\",\"two\":{},\"three\":{}}}",
            argv_json(argv),
            save.clone().unwrap_or_default(),
            two.json(),
            three.json()
        ),
        Step::Raw { client, bytes, answers, closed, .. } => format!(
            "{{\"raw\":{},\"on\":\"{client}\",\"answers\":{},\"closed\":{closed}}}",
            json_bytes(bytes),
            json_bytes(answers)
        ),
        Step::Read { client, two, three } => {
            format!("{{\"read\":true,\"on\":\"{client}\",\"two\":{},\"three\":{}}}", two.json(), three.json())
        }
        Step::Scan { client, argv, between, wants } => format!(
            "{{\"scan\":{},\"on\":\"{client}\",\"between\":{},\"yields\":{},\"includes\":{},\"count\":{}}}",
            argv_json(argv),
            between.as_ref().map_or("null".into(), |b| argv_json(b)),
            wants.yields.as_ref().map_or("null".into(), set_json),
            set_json(&wants.includes),
            wants.count.map_or("null".into(), |n| n.to_string())
        ),
        Step::Advance(ms) => format!("{{\"advance\":{ms}}}"),
        Step::Close(client) => format!("{{\"close\":\"{client}\"}}"),
    };
    let mut out = Vec::new();
    for file in files {
        let variants = file
            .variants
            .iter()
            .map(|v| format!("{{\"name\":{},\"config\":{}}}", json_bytes(v.name.as_bytes()), config_json(&v.config)))
            .collect();
        let scenarios = file
            .scenarios
            .iter()
            .map(|s| {
                format!(
                    "{{\"name\":{},\"config\":{},\"only\":{},\"since\":\"{}.{}\",\"resp\":{},\"needs\":{},\"steps\":[\n{}]}}",
                    json_bytes(s.name.as_bytes()),
                    config_json(&s.config),
                    texts(&s.only),
                    s.since.0,
                    s.since.1,
                    s.resp.map_or("null".into(), |r| r.to_string()),
                    texts(&needs_of(s)),
                    s.steps.iter().map(step_json).collect::<Vec<_>>().join(",\n")
                )
            })
            .collect();
        out.push(format!(
            "{{\"name\":{},\"variants\":[{}],\"scenarios\":[{}]}}",
            json_bytes(file.name.as_bytes()),
            join(variants),
            join(scenarios)
        ));
    }
    format!("[{}]\n", out.join(",\n"))
}

/// What a scenario says that it needs, and `admin` where it asks for a command that only that feature brings.
fn needs_of(scenario: &Scenario) -> Vec<String> {
    let is_admin = |step: &Step| match step {
        Step::Do { argv, .. } | Step::Scan { argv, .. } => {
            cachette::command::of_admin().any(|row| row.name.as_bytes().eq_ignore_ascii_case(&argv[0]))
        }
        _ => false,
    };
    let admin = scenario.steps.iter().any(is_admin).then(|| String::from("admin"));
    scenario.needs.iter().cloned().chain(admin).collect()
}

/// The steps as a scenario that can be pasted into a file.
pub fn as_scenario(name: &str, commands: &[(String, Vec<Vec<u8>>)]) -> String {
    let mut out = format!("[[scenario]]\nname = {}\nsteps = [\n", toml_text(name));
    for (client, argv) in commands {
        let words: Vec<String> = argv.iter().map(|a| word(a)).collect();
        let prefix = if client == "main" { String::new() } else { format!("{client}> ") };
        out.push_str(&format!("  [{}, '?'],\n", toml_text(&format!("{prefix}{}", words.join(" ")))));
    }
    out.push_str("]\n");
    out
}
