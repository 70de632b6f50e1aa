use proptest::prelude::*;

use super::*;

fn token(secret: [u8; 16], ca: [u8; 32]) -> EnrolToken {
    EnrolToken { secret, ca: Fingerprint::from_bytes(ca) }
}

proptest! {
    #[test]
    fn every_token_survives_its_text(secret in any::<[u8; 16]>(), ca in any::<[u8; 32]>()) {
        let token = token(secret, ca);
        let text = token.to_string();
        prop_assert_eq!(text.len(), PREFIX.len() + BODY);
        for copied in [text.clone(), text.to_uppercase(), format!("  {}\r\n {}\n", &text[..40], &text[40..])] {
            let back: EnrolToken = copied.parse().unwrap();
            prop_assert_eq!(back.secret, secret);
            prop_assert_eq!(back.ca(), token.ca());
            prop_assert_eq!(back.token_hash(), token.token_hash());
        }
    }

    #[test]
    fn one_wrong_character_is_noticed(
        secret in any::<[u8; 16]>(),
        ca in any::<[u8; 32]>(),
        place in 0..BODY,
        with in prop::sample::select(b"abcdefghijklmnopqrstuvwxyz234567".to_vec()),
    ) {
        let mut text = token(secret, ca).to_string().into_bytes();
        prop_assume!(text[PREFIX.len() + place] != with);
        text[PREFIX.len() + place] = with;
        let text = String::from_utf8(text).unwrap();
        prop_assert_eq!(text.parse::<EnrolToken>().unwrap_err(), TokenError::Checksum);
    }

    #[test]
    fn a_cut_token_is_called_cut(secret in any::<[u8; 16]>(), ca in any::<[u8; 32]>(), keep in 0..BODY) {
        let text = token(secret, ca).to_string();
        prop_assert_eq!(
            text[..PREFIX.len() + keep].parse::<EnrolToken>().unwrap_err(),
            TokenError::Length { found: keep }
        );
    }

    #[test]
    fn garbage_never_panics_and_is_never_a_token(text in any::<String>(), body in "wasl1\\.[a-z2-7]{84}") {
        prop_assert!(text.parse::<EnrolToken>().is_err());
        prop_assert!(body.parse::<EnrolToken>().is_err());
    }
}

#[test]
fn mistakes_are_told_apart() {
    let good = token([7; 16], [9; 32]).to_string();
    let parse = |text: &str| text.parse::<EnrolToken>().unwrap_err();
    assert_eq!(parse(""), TokenError::NotAToken);
    assert_eq!(parse("hunter2"), TokenError::NotAToken);
    assert_eq!(parse("wasl.x"), TokenError::NotAToken);
    assert_eq!(parse(&good.replace("wasl1.", "wasl2.")), TokenError::OtherVersion);
    assert_eq!(parse(&format!("{good}a")), TokenError::Length { found: 85 });
    assert_eq!(
        parse(&good.replacen("wasl1.", "wasl1.0", 1)),
        TokenError::Character { position: 7, character: '0' }
    );
    assert_eq!(parse(&"x".repeat(MAX_TEXT + 1)), TokenError::NotAToken);
}

/// The layout is printed on paper and lies in ticket systems: it must not drift.
#[test]
fn the_text_of_a_known_token_is_fixed() {
    let mut secret = [0; 16];
    for (at, byte) in (0u8..).zip(&mut secret) {
        *byte = at;
    }
    let token = token(secret, [0xff; 32]);
    assert_eq!(
        token.to_string(),
        "wasl1.aaaqeayeaudaocajbifqydiob7777777777777777777777777777777777777777777777777777n4gxp3a"
    );
    assert_eq!(token.token_hash(), "9b4b2e887c46e03e7190ff882f7d7775eca58df41d61bf46b15beaf1eebe5379");
}

#[test]
fn debug_shows_the_ca_and_not_the_secret() {
    let token = EnrolToken::generate(Fingerprint::of(b"ca")).unwrap();
    let debug = format!("{token:?}");
    assert!(debug.contains(&token.ca().to_string()));
    let secret_text = token.to_string();
    assert!(!debug.contains(&secret_text[PREFIX.len()..PREFIX.len() + 16]));
    assert!(!debug.contains(&format!("{:?}", token.secret)));
}

#[test]
fn two_tokens_differ() {
    let ca = Fingerprint::of(b"ca");
    let (one, two) = (EnrolToken::generate(ca).unwrap(), EnrolToken::generate(ca).unwrap());
    assert_ne!(one.token_hash(), two.token_hash());
}
