//! Byte-level BPE: words of a text, of which each is a token, or bytes that are merged by rank.

use std::collections::HashMap;

use ahash::AHashMap;
use serde::Deserialize;

use super::joints::{Joints, width};
use super::merges::{Merge, Merges, Workspace};
use super::recent::AT_ONCE;
use super::scanner::{Rules, Scanner};
use super::{Family, Memory, model_of};
use crate::backend::nfc::{nfc, normalized};
use crate::backend::splits::before_byte_level;
use crate::detokenize::byte_of_char;
use crate::folder::{Definition, TokenizerFolder};

/// The encoder.
pub struct ByteLevel {
    /// Whether texts are brought into NFC.
    is_normalized: bool,
    scanner: Option<Scanner>,
    pieces: Pieces,
}

struct Pieces {
    /// The token of each byte.
    bytes: Box<[u32; 256]>,
    /// The rank of each byte and the next one.
    ranks: Box<[u32]>,
    merges: Merges,
    /// Where words are cut before their bytes are merged.
    joints: Joints,
    /// The token of each character of three bytes by itself, or where its tokens are among `several`, with their count
    /// in the bits from `COUNT` on.
    chars: Box<[u32]>,
    several: Vec<u32>,
    /// The words that are a token which merges don't make, if the vocabulary goes before merges.
    unmade: AHashMap<Box<[u8]>, u32>,
}

/// The first character of three bytes, and how many there are.
const FIRST: u32 = 0x800;
const CHARS: u32 = 0x1_0000 - FIRST;
const COUNT: u32 = 24;

#[derive(Deserialize)]
struct Model {
    vocab: HashMap<String, u32>,
    merges: Vec<Merge>,
    #[serde(default)]
    ignore_merges: Option<bool>,
}

/// Whether a tokenizer.json is of this family.
pub fn knows(folder: &TokenizerFolder) -> bool {
    let definition = &folder.definition;
    let model = &definition.model;
    let alphabet = || (0..0x144).filter_map(char::from_u32).filter(|char| byte_of_char(*char).is_some());
    model.is_plain_bpe()
        && model.byte_fallback != Some(true)
        && normalized(definition).is_some()
        && split(definition).is_some()
        && alphabet().all(|char| model.has(char.encode_utf8(&mut [0; 4])))
        && model.has_ids_once()
        && Merges::fit(model)
}

/// How words are told.
enum Split {
    /// All of a text is one.
    Whole,
    By(Rules),
}

/// How texts are split; `None` if it is another pre-tokenizer.
fn split(definition: &Definition) -> Option<Split> {
    match before_byte_level(definition.pre_tokenizer.as_ref()?)? {
        [] => Some(Split::Whole),
        [split] => Rules::of(split).map(Split::By),
        _ => None,
    }
}

impl ByteLevel {
    /// The encoder of a tokenizer of this family; otherwise the error says what it lacks.
    pub fn new(folder: &TokenizerFolder) -> Result<Self, String> {
        let model: Model = model_of(folder)?;
        let scanner = match split(&folder.definition).ok_or("its pre_tokenizer is another")? {
            Split::Whole => None,
            Split::By(rules) => Some(Scanner::new(rules)),
        };
        Ok(Self {
            is_normalized: normalized(&folder.definition).ok_or("its normalizer is another")?,
            scanner,
            pieces: Pieces::new(&model)?,
        })
    }
}

impl Pieces {
    fn new(model: &Model) -> Result<Self, String> {
        let id_of = |piece: &str| {
            model.vocab.get(piece).copied().ok_or_else(|| format!("its vocabulary has no token {piece:?}"))
        };
        // A piece with a character that is no byte is never found.
        let written = |piece: &str| piece.chars().map(byte_of_char).collect::<Option<Vec<u8>>>();
        let (mut rules, mut products) = (Vec::with_capacity(model.merges.len()), Vec::new());
        for merge in model.merges.iter().filter(|merge| !merge.is_comment()) {
            let (left, right) = merge.pair().ok_or("one of its merges is not of two tokens")?;
            let product = [left, right].concat();
            rules.push([id_of(left)?, id_of(right)?, id_of(&product)?]);
            products.extend(written(&product));
        }
        let words = || model.vocab.iter().filter_map(|(piece, id)| Some((written(piece)?, *id)));
        let mut bytes = Box::new([None; 256]);
        for (word, id) in words() {
            if let [byte] = word[..] {
                bytes[usize::from(byte)] = Some(id);
            }
        }
        if let Some(byte) = bytes.iter().position(Option::is_none) {
            return Err(format!("its vocabulary has no token for byte {byte:#04x}"));
        }
        let bytes = Box::new(bytes.map(Option::unwrap_or_default));
        let merges = Merges::new(&rules);
        let ranks = bytes.iter().flat_map(|left| bytes.iter().map(|right| merges.rank(*left, *right))).collect();
        let joints = Joints::new(products.iter().map(Vec::as_slice));
        let (chars, several, unmade) = (Box::default(), Vec::new(), AHashMap::new());
        let mut own = Self { bytes, ranks, merges, joints, chars, several, unmade };
        let (mut ids, mut workspace) = (Vec::new(), Workspace::default());
        let mut made = |own: &Self, word: &[u8]| {
            ids.clear();
            own.merge(word, &mut workspace, &mut ids);
            ids.clone()
        };
        let mut several = Vec::new();
        let mut char_ids = |number: u32| {
            let Some(char) = char::from_u32(number) else { return 0 };
            let ids = made(&own, char.encode_utf8(&mut [0; 4]).as_bytes());
            let place = if let [only] = ids[..] { only } else { several.len() as u32 };
            if ids.len() > 1 {
                several.extend_from_slice(&ids);
            }
            ((ids.len() as u32) << COUNT) | place
        };
        own.chars = (FIRST..FIRST + CHARS).map(&mut char_ids).collect();
        own.several = several;
        if model.ignore_merges == Some(true) {
            own.unmade =
                words().filter(|(word, id)| made(&own, word) != [*id]).map(|(word, id)| (word.into(), id)).collect();
        }
        Ok(own)
    }

    fn encode(&self, word: &[u8], workspace: &mut Workspace, ids: &mut Vec<u32>) {
        if !self.unmade.is_empty()
            && let Some(id) = self.unmade.get(word)
        {
            return ids.push(*id);
        }
        self.merge_parts(word, workspace, ids);
    }

    /// Merge what is between cuts by itself.
    fn merge_parts(&self, word: &[u8], workspace: &mut Workspace, ids: &mut Vec<u32>) {
        // Nearly all characters of one or two bytes that are found in a word are joined somewhere, and aren't looked up.
        if word.iter().all(|byte| width(*byte) < 3) {
            return self.merge(word, workspace, ids);
        }
        let (mut from, mut at) = (0, 0);
        while at < word.len() {
            let next = at + width(word[at]);
            let behind = word.get(next).map_or(0, |first| width(*first));
            let is_end = behind == 0
                || (next - at).max(behind) > 2 && !self.joints.has(&word[at..next], &word[next..next + behind]);
            if is_end {
                self.merge_part(&word[from..next], workspace, ids);
                from = next;
            }
            at = next;
        }
    }

    #[inline]
    fn merge_part(&self, part: &[u8], workspace: &mut Workspace, ids: &mut Vec<u32>) {
        let [first @ 0xe0..0xf0, second, third] = part else { return self.merge(part, workspace, ids) };
        let low = |byte: u8| u32::from(byte) % 64;
        let number = ((u32::from(*first) % 16) << 12) | (low(*second) << 6) | low(*third);
        let char = self.chars[(number - FIRST) as usize];
        let (count, place) = ((char >> COUNT) as usize, char % (1 << COUNT));
        if count == 1 {
            ids.push(place);
        } else {
            ids.extend_from_slice(&self.several[place as usize..place as usize + count]);
        }
    }

    fn merge(&self, word: &[u8], workspace: &mut Workspace, ids: &mut Vec<u32>) {
        let from = ids.len();
        ids.extend(word.iter().map(|byte| self.bytes[usize::from(*byte)]));
        let rank = |_: &[u32], at: usize| self.ranks[(usize::from(word[at]) << 8) | usize::from(word[at + 1])];
        self.merges.apply_from(ids, from, workspace, rank);
    }
}

impl Family for ByteLevel {
    fn encode(&self, text: &str, memory: &mut Memory, ids: &mut Vec<u32>) {
        let Memory { recent, merging, text: normalized, .. } = memory;
        let text = if self.is_normalized && !text.is_ascii() { nfc(text, normalized) } else { text };
        let bytes = text.as_bytes();
        let mut encode =
            |from: usize, to: usize, ids: &mut Vec<u32>| self.pieces.encode(&bytes[from..to], merging, ids);
        let Some(scanner) = &self.scanner else { return encode(0, bytes.len(), ids) };
        let (mut from, mut ends) = (0, [0; AT_ONCE]);
        while from < text.len() {
            let (mut at, mut count) = (from, 0);
            while count < AT_ONCE && at < text.len() {
                at = scanner.end(text, at);
                ends[count] = at;
                count += 1;
            }
            recent.append_all(bytes, from, &ends[..count], ids, &mut encode);
            from = at;
        }
    }
}
