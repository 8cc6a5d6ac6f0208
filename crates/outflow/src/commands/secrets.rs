//! `outflow secrets`: values that Outflow keeps, encrypted.

use outflow_app::{
    Errors, RemoveSecretRequest, Rotation, SecretChange, SecretCheck, SecretDocument, SetSecretRequest,
};

use crate::cli::{SecretName, Secrets};
use crate::exit::Exit;
use crate::front::Front;
use crate::hidden;
use crate::output::{Printer, count, counted, table, time};
use crate::progress;

/// Does what is asked.
pub async fn secrets(front: &Front, command: &Secrets, printer: Printer) -> Result<Exit, Errors> {
    let caller = progress::caller(printer);
    match command {
        Secrets::Set(args) => set(front, &args.secret, printer).await,
        Secrets::List => list(front, printer).await,
        Secrets::Remove(SecretName { name, no_wait }) => {
            let request = RemoveSecretRequest { name: name.clone(), wait: !no_wait };
            let change = front.remove_secret(&request, &caller).await?;
            printer.document(&change, |change| format!("the secret {} is removed\n", change.name));
            Ok(Exit::Done)
        }
        Secrets::Rotate(args) => {
            printer.document(&front.rotate_secrets(!args.no_wait, &caller).await?, rotated);
            Ok(Exit::Done)
        }
        Secrets::Check => {
            let found = front.check_secrets().await?;
            found.problems.iter().for_each(|problem| printer.error(problem));
            printer.document(&found, checked);
            Ok(if found.problems.is_empty() { Exit::Done } else { Exit::Failed })
        }
    }
}

async fn set(front: &Front, args: &SecretName, printer: Printer) -> Result<Exit, Errors> {
    let (name, wait) = (args.name.clone(), !args.no_wait);
    let asked = name.clone();
    let read = tokio::task::spawn_blocking(move || hidden::read(&asked, outflow_app::LONGEST_SECRET));
    let value = read.await.map_err(hidden::broken_off)??;
    let request = SetSecretRequest { name, value, uses: Vec::new(), wait };
    let change = front.set_secret(&request, &progress::caller(printer)).await?;
    let is_in_force = change.not_in_force.is_none();
    printer.document(&change, kept);
    Ok(if is_in_force { Exit::Done } else { Exit::Failed })
}

fn kept(change: &SecretChange) -> String {
    let SecretChange { name, existed, addresses, used_by, new_key, not_in_force, .. } = change;
    let mut text = format!("the secret {name} is {}\n", if *existed { "set again" } else { "set" });
    if let Some(key) = new_key {
        text += &format!("its key is new: keep a copy of {key}, apart from copies of the state\n");
    }
    match used_by.is_empty() {
        true => {
            text += &format!(
                "nothing refers to it yet: write ${{secret:{name}}} where it belongs, then set it again, as it may \
                 only be sent where it was set for\n"
            );
        }
        false => {
            text += &format!("used by {}; may be sent to {}\n", used_by.join(", "), addresses.join("; "))
        }
    }
    if let Some(why) = not_in_force {
        text += &format!("error: the running `outflow serve` does not use it yet: {why}\n");
    }
    text
}

async fn list(front: &Front, printer: Printer) -> Result<Exit, Errors> {
    let list = front.secrets().await?;
    if printer.is_ndjson() {
        list.secrets.iter().for_each(|secret| printer.document(secret, |_| String::new()));
    } else {
        printer.document(&list, |list| people(&list.secrets));
    }
    Ok(Exit::Done)
}

fn people(secrets: &[SecretDocument]) -> String {
    if secrets.is_empty() {
        return "no secret is kept\n".to_owned();
    }
    let row = |s: &SecretDocument| {
        let used_by = if s.used_by.is_empty() { "nothing".to_owned() } else { s.used_by.join(", ") };
        let (at, by) = (time(s.set_at), s.set_by.to_string());
        vec![s.name.clone(), at, by, s.key_id.clone(), used_by, s.addresses.join("; ")]
    };
    let head = ["secret", "set at", "by", "key", "used by", "may be sent to"];
    table(&head, &secrets.iter().map(row).collect::<Vec<_>>())
}

fn rotated(rotation: &Rotation) -> String {
    let Rotation { key_id, key, resealed, older_keys_left, .. } = rotation;
    let secrets = counted(*resealed, "secret");
    let mut text = format!("{secrets} encrypted again, under the key {key_id} in {key}\n");
    text += match older_keys_left {
        true => "the older keys behind it are not needed any more\n",
        false => "keep a copy of it, apart from copies of the state\n",
    };
    text
}

fn checked(found: &SecretCheck) -> String {
    let SecretCheck { secrets, readable, under_older_keys, problems, .. } = found;
    let mut text =
        format!("{} kept, {} of them can be read\n", counted(*secrets, "secret"), count(*readable));
    if *under_older_keys > 0 {
        let older = counted(*under_older_keys, "secret");
        text += &format!("{older} under an older key: `outflow secrets rotate` encrypts all again\n");
    }
    if problems.is_empty() { text + "every reference has its secret\n" } else { text }
}
