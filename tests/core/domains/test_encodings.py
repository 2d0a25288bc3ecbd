"""How texts are encoded is found out from generated texts of many languages, and can be chosen where they say too little."""

import io
from random import Random

import pytest
from hypothesis import given as varied
from hypothesis import settings
from hypothesis import strategies as st

from core.domains.reading import Given, read
from core.domains.reading.encodings import find
from core.errors import InputError

WORDS = {
    "Russian": "отличный товар рекомендую всем очень плохо сломался через день хорошее качество доставка быстрая цена высокая",
    "Ukrainian": "дуже гарний товар раджу всім поганий якість швидка доставка дорого її єдиний",
    "Chinese": "质量 很好 非常 满意 推荐 购买 不好 太差 退货 客服 态度 物流 速度 很快 价格 便宜",
    "Chinese of Taiwan": "質量 很好 非常 滿意 推薦 購買 不好 太差 退貨 客服 態度 物流 速度 很快 價格 便宜",
    "Japanese": "とても 良い 商品 です 悪い 品質 壊れた おすすめ しません 配送 早い 値段 高い ありがとう カメラ",
    "Korean": "좋은 제품 추천 합니다 나쁜 품질 배송 빠르다 가격 비싸다 최고 별로 환불",
    "Greek": "πολύ καλό προϊόν κακή ποιότητα γρήγορη παράδοση συνιστώ ακριβό φθηνό",
    "Polish": "świetny produkt polecam bardzo zły jakość dostawa szybka drogi tani żółty źródło",
    "Czech": "výborný výrobek doporučuji velmi špatný kvalita rychlé dodání drahý levný žlutý",
    "French": "très bon produit je recommande mauvaise qualité livraison rapide cher déçu été élève",
    "German": "sehr gutes Produkt empfehle schlechte Qualität schnelle Lieferung größer für Käse müde schön",
    "Turkish": "çok iyi ürün tavsiye ederim kötü kalite hızlı teslimat pahalı değil şık güzel ığdır",
    "Hebrew": "מוצר מצוין ממליץ מאוד גרוע איכות משלוח מהיר יקר זול",
    "Arabic": "منتج ممتاز أنصح به سيء جدا جودة توصيل سريع غالي رخيص",
    "Thai": "สินค้า ดี มาก แนะนำ ไม่ดี คุณภาพ จัดส่ง เร็ว แพง ถูก",
}
OLD = [
    *(("Russian", code) for code in ("cp1251", "koi8-r", "cp866", "iso8859-5")),
    ("Ukrainian", "cp1251"),
    *(("Chinese", code) for code in ("gb18030", "gbk", "gb2312")),
    ("Chinese of Taiwan", "big5"),
    *(("Japanese", code) for code in ("shift_jis", "euc_jp", "iso2022_jp")),
    *(("Korean", code) for code in ("euc_kr", "cp949")),
    *(("Greek", code) for code in ("cp1253", "iso8859-7")),
    *((language, code) for language in ("Polish", "Czech") for code in ("cp1250", "iso8859-2")),
    *((language, code) for language in ("French", "German") for code in ("cp1252", "iso8859-1", "mac_roman", "cp850")),
    *(("Turkish", code) for code in ("cp1254", "iso8859-9")),
    ("Hebrew", "cp1255"),
    ("Arabic", "cp1256"),
    ("Thai", "cp874"),
]
NEW = [
    (language, code) for language in ("Chinese", "Russian", "French") for code in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be")
]


def found(content: bytes, *chosen: str) -> str:
    return find(Given("mine.csv", io.BytesIO(content)), io.BytesIO(content), *chosen)[0]


@settings(deadline=None, max_examples=150, derandomize=True)
@varied(st.sampled_from(OLD + NEW), st.integers(20, 60), st.integers(0, 2**32))
def test_any_table_of_one_language_is_read_as_it_was_written(pair, n, seed):
    language, code = pair
    words, draw = WORDS[language].split(), Random(seed)
    lines = [" ".join(draw.choices(words, k=5)) for _ in range(n)]
    text = "number,text,label\n" + "".join(f"{i},{line},{'ab'[i % 2]}\n" for i, line in enumerate(lines))
    content = text.encode(code)
    assert content.decode(found(content)).lstrip("\ufeff") == text


@pytest.mark.parametrize("signs", ["25 °C", "€", "½", "m² µg", "“so” – it’s…", "né", "Müller", "São Paulo", "Zürich Genève", "ØRSTED"])
def test_a_few_signs_among_ascii_are_western(signs):
    assert found(f"{signs},label\n1,2\n".encode("cp1252")) == "cp1252"


@settings(deadline=None, max_examples=200, derandomize=True)
@varied(st.binary(min_size=1, max_size=300))
def test_any_bytes_are_a_text_or_refused_in_plain_words(content):
    try:
        code, lines = find(Given("mine.csv", io.BytesIO(content)), io.BytesIO(content))
    except InputError:
        return
    assert content.decode(code).count("\n") + 1 == lines


def table(language: str, code: str) -> Given:
    words = WORDS[language].split()
    rows = [f"{' '.join(words[(i + j) % len(words)] for j in range(4))} {i},{words[i % 2]}" for i in range(40)]
    return Given("mine.csv", io.BytesIO("\n".join(["text,label", *rows]).encode(code)))


@pytest.mark.parametrize(
    ("language", "code", "said"), [("Chinese", "gb18030", "GB 18030 (Chinese)"), ("Russian", "koi8-r", "KOI8-R (Cyrillic)")]
)
def test_the_reader_takes_what_was_found_and_says_so(language, code, said):
    reading = read([table(language, code)], {"text": "text"})
    assert reading.facts["Encoding"] == said
    assert set(reading.class_names) == set(WORDS[language].split()[:2])


def test_a_choice_comes_before_what_would_be_found():
    assert set(read([table("Russian", "koi8-r")], {"encoding": "cp1251"}).class_names) == {
        word.encode("koi8-r").decode("cp1251") for word in WORDS["Russian"].split()[:2]
    }
    with pytest.raises(InputError, match=r"not encoded as UTF-8.*choose its encoding"):
        read([table("Russian", "koi8-r")], {"encoding": "utf-8"})
