//! What happened, in words.

use std::collections::BTreeMap;

use super::{Arg, Texts};
use crate::Lang;

impl Texts {
    /// The text of something that happened. `code` is an event's; of one that this version does not know the code
    /// itself is shown. The figures are an agent's, so none of them is taken to be there.
    pub fn occurrence(&self, lang: Lang, code: &str, args: &BTreeMap<String, String>) -> String {
        let given = |names: &[&'static str]| -> Option<Vec<(&'static str, Arg<'_>)>> {
            names.iter().map(|name| Some((*name, Arg::Text(args.get(*name)?)))).collect()
        };
        let count = args.get("count").and_then(|count| count.parse().ok());
        let with = match code {
            "unknown_station" => match (given(&["mac", "ip", "interface"]), given(&["site"]), count) {
                (Some(figures), ..) => Some(("occurrence-stranger", figures)),
                (None, Some(mut figures), Some(count)) => {
                    figures.push(("count", Arg::Number(count)));
                    Some(("occurrence-strangers", figures))
                }
                _ => given(&["subnet", "places"]).map(|figures| ("occurrence-crowd", figures)),
            },
            "activity_changed" => match args.get("to").map(String::as_str) {
                Some("backup") => Some(("occurrence-takes-over", Vec::new())),
                Some("standby") => Some(("occurrence-waits-again", Vec::new())),
                _ => None,
            },
            "address_conflict" => {
                given(&["ip", "mac", "other_mac"]).map(|figures| ("occurrence-conflict", figures))
            }
            _ => None,
        };
        if let Some((key, figures)) = with {
            return self.get(lang, key, &figures);
        }
        let key = format!("occurrence-{code}");
        if self.has(lang, &key) { self.get(lang, &key, &[]) } else { code.to_owned() }
    }
}
