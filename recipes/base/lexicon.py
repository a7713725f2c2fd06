"""Words and sentence templates of the generated corpus, all written for this recipe.

A template is plain text with slots. ``{a|b|c}`` takes one alternative; any other ``{name}`` is
filled by the function of that name in `recipes.base.texts`. Nothing here may contain a marker or
a label word of the later tasks (`recipes.base.corpus.forbidden`).
"""

CATEGORIES: dict[str, tuple[str, ...]] = {
    "animali": tuple(
        "gatto cane cavallo lupo topo coniglio asino leone orso corvo falco serpente "
        "delfino squalo cervo maiale agnello gallo ragno grillo gufo scoiattolo "
        "tartaruga capra pecora mucca gallina rana farfalla formica zanzara balena "
        "volpe tigre giraffa lepre scimmia foca zebra lucertola oca vespa".split()
    ),
    "cibi": tuple(
        "pane formaggio prosciutto riso burro zucchero miele sugo gelato biscotto "
        "pomodoro carciofo fungo aglio risotto minestrone torta pizza mela pera "
        "insalata zuppa frittata cipolla patata carota lasagna marmellata focaccia "
        "bistecca polenta banana fragola zucchina ricotta mozzarella".split()
    ),
    "strumenti musicali": tuple(
        "violino pianoforte flauto tamburo clarinetto oboe trombone sassofono liuto "
        "mandolino organetto chitarra arpa tromba viola fisarmonica batteria "
        "cornamusa ocarina zampogna".split()
    ),
    "mestieri": tuple(
        "medico avvocato fornaio falegname idraulico maestro notaio pescatore muratore "
        "sarto barbiere postino giardiniere elettricista infermiera maestra "
        "sarta attrice pittrice ballerina cuoca contadina scrittrice".split()
    ),
    "veicoli": tuple(
        "treno autobus camion furgone trattore motorino aereo elicottero traghetto "
        "gommone tram taxi bicicletta automobile barca moto nave metropolitana "
        "carrozza funivia ambulanza roulotte".split()
    ),
    "vestiti": tuple(
        "cappello cappotto maglione guanto vestito stivale berretto pigiama calzino "
        "grembiule mantello camicia gonna giacca sciarpa cravatta maglietta scarpa "
        "cintura felpa ciabatta pantofola".split()
    ),
    "mobili": tuple(
        "tavolo armadio divano scaffale letto comodino sgabello cassetto specchio "
        "baule sedia poltrona libreria panca credenza scrivania mensola culla "
        "cassapanca lampada".split()
    ),
    "sport": tuple(
        "calcio tennis nuoto rugby ciclismo judo pugilato canottaggio sci basket "
        "pattinaggio pallavolo scherma ginnastica equitazione vela maratona "
        "pallanuoto atletica arrampicata".split()
    ),
    "colori": tuple(
        "rosso giallo verde azzurro viola arancione marrone grigio turchese beige "
        "indaco bordeaux lilla fucsia ocra".split()
    ),
    "piante": tuple(
        "pino abete ulivo cipresso pioppo salice tiglio faggio castagno girasole "
        "tulipano garofano basilico rosmarino quercia betulla rosa margherita "
        "orchidea edera lavanda felce ortensia magnolia".split()
    ),
}

MASCULINE = (
    "libro giorno anno tempo mondo paese governo problema lavoro modo caso progetto "
    "sistema posto gruppo partito conto mercato servizio corso aiuto sguardo "
    "silenzio ricordo viaggio quaderno giardino castello fiume lago monte bosco "
    "sentiero ponte palazzo cortile quartiere negozio ufficio studio piano muro "
    "tetto cielo mare vento temporale inverno autunno mattino pomeriggio momento "
    "minuto secolo evento racconto romanzo film concerto spettacolo teatro museo "
    "quadro disegno discorso dibattito voto sindaco ministro presidente consiglio "
    "parlamento decreto accordo contratto prezzo costo bilancio reddito stipendio "
    "risparmio investimento prodotto motore computer telefono schermo programma "
    "dato errore segnale metodo risultato esempio motivo effetto aumento calo "
    "limite livello numero valore peso volume spazio punto centro lato bordo fondo "
    "dolore sintomo farmaco esame reparto ricovero intervento controllo trattamento "
    "fratello figlio nonno zio cugino amico vicino ragazzo bambino studente "
    "professore autore lettore attore cantante giocatore allenatore tifoso "
    "campionato pallone gol treno orologio occhio naso braccio piede cuore sangue "
    "sogno pensiero dubbio segreto regalo biglietto bagaglio albergo aeroporto "
    "sapore profumo rumore suono colore zaino specialista psicologo"
).split()

FEMININE = (
    "casa vita storia parte cosa volta mano notte sera mattina settimana ora "
    "stagione estate primavera famiglia madre figlia sorella nonna zia cugina amica "
    "ragazza bambina scuola classe lezione maestra domanda risposta prova ricerca "
    "scienza legge regola riforma proposta scelta decisione elezione campagna "
    "piazza strada via chiesa torre porta finestra cucina camera stanza scala "
    "collina montagna valle spiaggia isola costa pianura foresta pioggia neve "
    "nebbia tempesta luce ombra acqua terra aria fiamma pietra sabbia polvere "
    "lettera parola frase pagina poesia canzone musica voce immagine fotografia "
    "mostra festa cena colazione ricetta bottiglia tazza forchetta valigia borsa "
    "chiave macchina gara squadra partita vittoria sconfitta classifica medaglia "
    "impresa azienda fabbrica banca moneta spesa tassa crisi crescita offerta "
    "richiesta consegna rete pagina macchia idea memoria speranza fortuna pazienza "
    "salute malattia terapia visita diagnosi febbre tosse ferita cura dose "
    "pressione temperatura analisi lesione frattura infezione gola gamba spalla "
    "schiena testa pelle bocca lingua data durata distanza misura quota somma "
    "percentuale media soglia zona regola forma linea curva superficie spiegazione"
).split()

ADJECTIVES = (
    "nuovo vecchio grande piccolo alto basso lungo corto largo stretto bello brutto "
    "buono cattivo caldo freddo chiaro scuro forte debole veloce lento pesante "
    "leggero ricco povero pieno vuoto aperto chiuso vero strano raro comune semplice "
    "difficile facile antico moderno giovane anziano pubblico privato nazionale "
    "locale generale speciale importante famoso ignoto lontano vicino profondo "
    "rotondo quadrato lucido opaco morbido duro dolce amaro salato fresco secco "
    "umido silenzioso rumoroso tranquillo inquieto gentile severo onesto curioso "
    "pigro attento stanco malato sano acuto cronico lieve grave moderato evidente "
    "bilaterale regolare normale ridotto aumentato positivo negativo stabile "
    "rosso giallo verde azzurro grigio bianco nero incredibile assurdo ottimo pessimo"
).split()

VERBS = (
    "vede guarda trova cerca porta prende lascia apre chiude compra vende legge "
    "scrive racconta descrive presenta mostra nasconde cambia ripara costruisce "
    "distrugge sposta solleva attraversa supera raggiunge perde vince conosce "
    "ricorda dimentica ascolta segue evita ama critica difende accusa sostiene "
    "propone rifiuta accetta firma annuncia prepara cucina mangia beve pulisce "
    "organizza dirige controlla misura conta studia insegna impara spiega ripete "
    "immagina disegna fotografa registra riceve manda consegna restituisce"
).split()

PARTICIPLES = (
    "visto trovato cercato portato preso lasciato aperto chiuso comprato venduto letto "
    "scritto raccontato descritto presentato mostrato nascosto cambiato riparato "
    "costruito distrutto spostato sollevato superato raggiunto perso vinto "
    "conosciuto ricordato dimenticato ascoltato seguito evitato criticato difeso "
    "proposto rifiutato accettato firmato annunciato preparato cucinato mangiato "
    "pulito organizzato diretto controllato misurato studiato spiegato ripetuto "
    "immaginato registrato ricevuto mandato consegnato restituito votato chiesto"
).split()

INTRANSITIVE = (
    "dorme corre cammina cade ride piange arriva parte torna resta parla tace "
    "sorride nuota vola cresce nasce aspetta lavora gioca sogna balla canta trema "
    "migliora peggiora funziona scompare appare continua finisce comincia"
).split()

ADVERBS = (
    "sempre spesso ancora presto tardi oggi ieri domani subito piano bene male molto "
    "poco davvero forse quasi lentamente rapidamente improvvisamente finalmente "
    "raramente insieme altrove dappertutto purtroppo ormai appena intanto"
).split()

CONNECTIVES = (
    "inoltre|tuttavia|infatti|perciò|per questo|nel frattempo|in seguito|alla fine|a quanto "
    "pare|secondo alcuni|come previsto|da allora|poco dopo|per fortuna|in ogni caso|di "
    "conseguenza|d'altra parte|così|eppure|in realtà"
).split("|")

FIRST_NAMES = (
    "Marco Luca Giulia Sara Anna Paolo Elena Matteo Chiara Davide Francesca Andrea "
    "Martina Stefano Laura Simone Valentina Roberto Silvia Giorgio Alice Pietro "
    "Irene Tommaso Marta Nicola Beatrice Filippo Lucia Emanuele Teresa Antonio "
    "Caterina Vincenzo Rosa Salvatore Carla Bruno Ada Ettore Olga Ugo Noemi Samir "
    "Fatima Youssef Mei Ivan Ingrid Carlos José Aïcha Zoë Björn"
).split()

EXAMS = (
    "emoglobina|glicemia|creatinina|sodio|potassio|ferritina|albumina|bilirubina|piastrine|"
    "leucociti|globuli bianchi|PCR|VES|TSH|INR|GOT|GPT|LDH|CPK|azotemia|calcemia|colesterolo "
    "totale|trigliceridi|transaminasi|saturazione|frequenza cardiaca|pressione arteriosa|FE|"
    "temperatura|diuresi|peso|BMI|pH|lattati|troponina|proteinuria|fosfatasi alcalina|CA 125|"
    "AFP|CEA|procalcitonina|D-dimero|fibrinogeno|vitamina D|esame colturale|emocoltura|ECG|TC|"
    "RMN|ecografia|ecocardiogramma|radiografia|biopsia|EEG|spirometria|scintigrafia|"
    "elettroforesi|esame obiettivo|IgG|IgM|ANA|HbA1c|FT4|clearance"
).split("|")

FINDINGS = (
    "nella norma|negativo|positiva|assente|presente|v.n.|n.d.|(-)|(+)|++|+++|nei limiti|"
    "lievemente aumentato|ridotta|in aumento|in calo|non dosabile|non reattivo|ai limiti alti|"
    "invariata|elevati|modicamente ridotti|indenne|nella norma per età|borderline|dubbio"
).split("|")

UNITS = (
    "%|mg|g|g/dl|mg/dl|mg/l|µg/l|ng/ml|UI/l|U/l|mmol/l|mEq/l|mmHg|bpm|°C|kg|cm|mm|ml|ml/min|"
    "l/min|mg/kg|mg/die|g/24h|/mm³|10³/μl|x10^9/l|fl|pg|cm²|kg/m²|ore|giorni|mesi|settimane|"
    "anni|ng/dl|µg|cc|mcg|pg/ml|kDa|MHz|km|€|euro|m|gradi|secondi|minuti|GB|kcal"
).split("|")

DRUG_SUFFIXES = (
    "ina olo one ide ato ile azolo micina prazolo sartan statina pril cillina mab".split()
)

EMOJI = (
    "😀 😂 😍 😡 😭 🙏 👍 👏 🔥 ❤️ 🎉 🤔 😅 🙄 🤣 💪 🌍 🇮🇹 ⚽ 🎶 "
    "🐶 🍕 ☀️ 🌧️ ✨ 💔 👀 🤷 🙈 🚀 ✅ ❌ ⚠️ 📌 🏳️‍🌈 👇 ➡️ 🥰 😎 🤦‍♀️"
).split()

SLANG = (
    "boh|mah|vabbè|raga|daje|uffa|dai|beh|ahahah|ahah|lol|cmq|xké|nn|tvb|bella zio|che palle|"
    "ma dai|magari|figurati|mamma mia|che roba|te lo giuro|non ci credo|zero proprio|tipo|anvedi|"
    "ammazza|mannaggia|aò|guagliò|ciapa|ostia|belìn|minchia|sciura|neh|mo'|ndo vai|"
    "nun ce sta|che bboni|annamo|jamme|uè"
).split("|")

CLINICAL = (
    "{Paziente|Caso|Soggetto|Bambino|Ragazzo|Lattante|Signore} di {int} anni, "
    "{giunto in reparto|ricoverato|visitato|inviato dal curante} per {pl} {am} da {int} {unitT}.",
    "{Exam}: {val}.",
    "{Exam} {val}, {exam} {val}, {exam} {val}.",
    "{Exam} {val} ({v.n.|vn|valori normali|rif.} {int}-{int}), {exam} {find}.",
    "{Exam} {find}; {exam} {find}.",
    "Gli esami {ematici|del sangue|di laboratorio|urgenti} {mostravano|mostrano|evidenziavano} "
    "{exam} {val} e {exam} {val}.",
    "{Exam} ed {exam} {nella norma|negativi|positivi|nei limiti}.",
    "{Exam} e {exam} {am}.",
    "Agli esami: {exam} {val}, {exam} {find}, {exam} {val}; {exam} {find}.",
    "In terapia con {drug} {dose} e {drug} {dose}.",
    "{Si inizia|Iniziava|Viene avviata|Si sospende} terapia con {drug} {dose}{| per {int} giorni}.",
    "All'esame obiettivo {N} {am}, {N} {am}, {exam} {val}.",
    "La {TC|RMN|radiografia|PET|ecografia} {del torace|addome|encefalo|cervicale|{dD}} "
    "{mostra|documenta|evidenzia} {I} di {dec} {cm|mm} {ai|in} {D}.",
    "Dopo {int} {giorni|settimane|mesi|ore} di {N}, {exam} {val} {e|con} {exam} {find}.",
    "Nega {N}, {N} e {N}.",
    "Anamnesi: {N} {am}, {N} dal {year}, {N} nel {year}.",
    "Alla visita di controllo del {date}: {exam} {val}; {exam} {val} (precedente {dec}).",
    "{Exam} da {dec} a {dec} {unit} in {int} {giorni|mesi|settimane}.",
    "{Exam} < {int} {unit}, {exam} > {int} {unit}.",
    "PA {int}/{int} mmHg, FC {int} bpm, SpO2 {int}% in aria ambiente, TC {dec}°C.",
    "Il {quadro|decorso|dosaggio|follow-up} {era|è|risultava} {am}, {con|senza} {N} e {N}.",
    "{D} {era|è risultata|appariva} {find}.",
    "Ricerca di {psn} {(-)|(+)|negativa|positiva}, {exam} {find}.",
    "EO: {N} {am}; {N} {am}; {exam} {val}.",
    "{drug}: {dec} {mg|g|ml} x {int}/die, poi {int} {mg|ml} {al mattino|ogni {int} ore|la sera}.",
    "Viene dimesso con diagnosi di {psn} {am} e {N} {am}.",
    "{Exam} ({dec} {unit}), {exam} ({find}), {exam} ({dec} {unit}).",
    "Il valore di {exam} {era|risultava|saliva a|scendeva a} {val} al giorno {int}.",
    "Sindrome di {Sur}: {N} {am}, {N}, {N}.",
    "Familiarità per {N} e {psn} ({nonno|zia|fratello}).",
    "Si richiede {exam}; in attesa di {exam}.",
    "Dopo {drug} ({int} mg/kg/die) {si osserva|si assiste a} {I} {dD}, {exam} {val}.",
    "Peso {dec} kg ({int}° centile), altezza {int} cm, PC {dec} cm.",
    "Tampone per {psn}: {find}. {Exam}: {find}.",
    "Score {Sur} {int}/{int}, grado {I|II|III|IV}, classe {A|B|C}{int}.",
    "Nato a {int}+{int} settimane, peso {int} g, Apgar {int}/{int}.",
    "{Exam} basale {dec}, dopo {int}' {dec}, dopo {int}' {dec} {unit}.",
    "{Exam}, {exam} e {exam}: {find}.",
    "Mutazione c.{int}{A|C|G|T}>{A|C|G|T} del gene {acr}{int} in {omozigosi|eterozigosi}.",
    "Linfonodi {am} ({int} x {int} mm), {N} {find}.",
)

SOCIAL = (
    "{user} {slang}, {D} {v3} {D}!",
    "{slang} {emo} {tag}",
    "ma {solo io|davvero|anche voi|perché} {v3} {D}? {emo}",
    "{tag} {tag} {D} {vi} {adv} {emo}{emo}",
    "Oggi {D} {vi}, domani {D} {vi}. {tag}",
    "{slang}!!! {CAPS}!!!",
    "{CAPS} {CAPS} {CAPS}!!! {user}",
    "RT {user}: {D} {v3} {D} {url}",
    "Non {ne posso più|ci posso credere|capisco} {dD}... {slang} {emo}",
    "buongiorno {a tutti|raga|mondo} {emo} {D} {v3} {D}",
    "{user} {user} ma {chi|cosa|dove} {v3} {D}?? {slang}",
    "Ho appena {vp} {I}, {am} {adv}! {tag}",
    "{int} {pl} e ancora {D} non {vi} {emo}",
    "Qualcuno {mi spiega|sa dirmi|ha capito} {D}? {tag}",
    "che {N} {am}, {slang} {emo}",
    "Comunque {D} di {First} {vi} {adv}, fidatevi.",
    "alle {int}:{int2} {D}, poi {D} e poi {D} {emo}",
    "«{D} {vi}» cit. {user}",
    "Stasera in tv {D} con {First} {Sur} su {Acr} {tag}",
    "grazie {user} per {D}! {emo}",
    "{tag}: {D} {v3} {D}, {slang}",
    "nn riesco a {N}... {slang} {slang} {emo}",
    "A {City} {vi} {D}, a {City} {vi} {D}. {tag}",
    "{First} ha {vp} {D} e io {vi}?? {CAPS} {emo}",
    "se {D} {v3} {D} io {slang} {emo}{emo}{emo}",
    "Top {int}: {N}, {N}, {N} {emo}",
    "{slang}, {slang}... {D} {am}",
    "DAI {CAPS} {int}-{int} {emo} {tag} {tag}",
    "Vendo {N} {am}, {int} €, zona {City}, no perditempo",
    "Il {N} {am} è {adv} {am}. Punto. {tag}",
    "Mi {manca|serve|ricorda} {I}, {ma|però|e} {D} {vi} {adv} {emo}",
    "{psn} {psn} {psn} {emo} {user}",
)

NEWS = (
    "{Name}, {job} di {City}, ha {vp} {I} {inD} {dD}.",
    "{D} di {City} {v3} {D} dal {year}.",
    "Nel {year} {Name} ha {vp} {D} con {Name}.",
    "{Org} ha {vp} {I} da {int} {milioni di euro|euro|posti} a {City}.",
    "Secondo {Name}, {D} {v3} {D}.",
    "«{D} {v3} {D}», ha {dichiarato|detto|scritto|ribadito} {Name}.",
    "{City} è {un comune|una frazione|un borgo|una città} di {int}.{int3} abitanti {am}.",
    "Il {date} {D} ha {vp} {D}.",
    "{Org} e {Org} hanno {firmato|siglato|discusso} {I} {am}.",
    "{Name} ({City}, {year} - {City}, {year}) fu {I} e {I}.",
    "La {N} {af}, {am} nel {year}, {v3} {D}.",
    "Alle {int}.{int2} {D} ha {vp} {D} {inD}.",
    "Il {presidente|portavoce|segretario|direttore} {dD} {Sur} ha {vp} {D}.",
    "{D} è {aumentato|calato|salito} del {pct} rispetto al {year}.",
    "A {City}, {int} {pl} hanno {vp} {D}.",
    "{Name} batte {Name} {int}-{int} e {v3} {D}.",
    "Il fiume {Sur} nasce dal monte {Sur} e attraversa {City}, {City} e {City}.",
    "{Org} ({Acr}) è {I} {am} con sede a {City}.",
    "Il {N} {dD} prevede {int} {pl} e {int} {pl}.",
    "{Name}: «{D} {vi} {adv}».",
    "I {pl} di {City} chiedono {I} {aD}.",
    "Dal {int} al {int} {month} {D} {vi} a {City}.",
    "Per {Name} «{D} {am}» {v3} {D}.",
    "La giunta di {City} ha {vp} {D} con {int} voti a favore e {int} contrari.",
    "{Sur} e {Sur} hanno {vp} {D}, {Sur} invece {vi}.",
    "Il {titolo|dato|prezzo} di {Org} {sale|scende} a {dec} euro ({sign}{dec}%).",
    "{First} e {First} {Sur}, {job} e {job}, vivono a {City}.",
    "La battaglia di {City} ({year}) oppose {D} {aD}.",
    "Il partito di {Sur} {v3} {D}: {int} seggi su {int}.",
    '"{D}" è {il titolo|il nome|il tema} {dD} di {Name}.',
    "In {City}, {provincia|regno|contea} di {City}, {D} {v3} {D}.",
    "Ministri, sindaci e {pl}: {D} {v3} {D}.",
    "Cittadini, {D} {vi}: {D} {v3} {D}!",
    "{Org} {v3} {Org}: {D} {am}.",
    "Fonte: {Org}, {date}.",
    "Trattato di {City}: {D}, {D} e {D}.",
    "{Name} nacque a {City} il {date} da {First} e {First} {Sur}.",
    "Onorevole {Sur}, {D} {v3} {D} {adv}.",
    "Basta con {PL}! Vogliamo {PL} e {PL}.",
    "Il museo {Sur} di {City} conserva {int} {pl} e {I} {am}.",
)

EVERYDAY = (
    "{First} {v3} {D} e {D}.",
    "{D} {v3} {D} {inD}.",
    "{First} ha {vp} {I} {am} per {First}.",
    "{D} e {D} {am} sono {inD}.",
    "Quando {D} {vi}, {D} {v3} {D}.",
    "Se {D} {vi}, allora {D} {vi}.",
    "Ieri {First} ha {vp} {D}, poi ha {vp} {D}.",
    "Lista: {int} {pl}, {int} {pl}, {int} {pl}.",
    "Ricetta: {int} g di {food}, {int} ml di {N}, un po' di {food}.",
    "Mescolare {food} e {food} per {int} minuti, poi aggiungere {food}.",
    "{First} compra {food}, {food} e {food} {dD}.",
    "Nel giardino ci sono {I} {am} e {I} {am}.",
    "{I} {am} {v3} {D}.",
    "Il {colour} è il colore {dD}.",
    "Ho {vp} {int} {pl} {am} e {int} {pl}.",
    "Mio {zio|cugino|fratello|nonno} suona {instr} e {instr}.",
    "Il {job} {v3} {D} {dD}.",
    "{D} costa {dec} euro, {D} costa {dec} euro.",
    "{First} pratica {sport} da {int} anni.",
    "Non trovo {D}: {First}, hai {vp} {D}?",
    "Che cosa {v3} {D}?",
    "Dove {vi} {D} di {First}?",
    "Il {animal} {vi} vicino {aD}.",
    "{First} ha un {animal} di nome {Sur}.",
    "Il treno delle {int}:{int2} per {City} parte dal binario {int}.",
    "Appuntamento: {date}, ore {int}:{int2}, via {Sur} {int}.",
    "Tel. {int}{int2} {int3}{int2}, e-mail {psn}@{psn}.it.",
    "Nella borsa: {N}, {N}, {N}.",
    "{conn}, {D} {vi} {adv}.",
    "{conn}, {D} {v3} {D} e {D} {v3} {D}.",
    "Chi {v3} {D} {v3} anche {D}.",
    "{D} della {zia|nonna|vicina} {vi} da {int} giorni.",
    "{First} si chiede se {D} {vi}.",
    "La {N} {am}: {I}.",
    "Parte {int}: {D}; parte {int}: {D}.",
    "{First} indossa {clothes} e {clothes} {am}.",
    "In casa: {furniture}, {furniture} e {furniture}.",
    "Preferisco {vehicle} {aD}.",
    "Sul balcone cresce {plant}, accanto {aD}.",
    "La maestra ha {vp} {D}; gli alunni hanno {vp} {D}.",
)

LITERARY = (
    "{D} {vi} {adv}, e {D} {am} {v3} {D}.",
    "Era {I} {am}, e {First} {vi} {inD}.",
    "«{D}?» disse {First}. «{D} {vi}.»",
    "O {N} {am}, o {N} {am}, {D} {vi}!",
    "{First} taceva: {D} {v3} {D} come {I} {am}.",
    "Tra {D} e {D}, {I} {vi} {adv}.",
    "– {conn} – rispose {Name} – {D} {vi}.",
    "Non {I}, non {I}, ma {I} {am}.",
    "{D} dorme; {D} veglia; {D} {vi}.",
    "C'era una volta {I} {am} che {v3} {I} {inD}.",
    "Il vecchio {Sur} {v3} {D} con {I} {am}.",
    "Così {D} {v3} {D}, e nessun {N} {v3} {D}.",
    "Quella notte {D} {vi}; all'alba {D} {vi}.",
    "E {D}, e {D}, e {D} {vi} {adv}.",
    "{First}, {First} mia, dov'è {D}?",
    "Capitolo {int}. {D} {v3} {D}.",
    "Perché {vi} {D}, se {D} {vi}?",
    "«{psn}», mormorò {First}, «{psn}».",
    "{D} {dD} {v3} {D} {dD}.",
    "Il {N} {am} {suD} pareva {I}.",
)

OPINION = (
    "Secondo me {D} {am} {vi} {adv}.",
    "{D} è {am}, ma {D} è {am}.",
    "Albergo {am}, {N} {am}, colazione {am}: voto {int}.",
    "Prodotto {am}, arrivato in {int} giorni, {D} {vi}.",
    "Trovo {D} {adv} {am}.",
    "Mi piace {D}, non mi piace {D}.",
    "Film {am}: {D} {vi}, {D} {v3} {D}.",
    "Pro: {N}, {N}. Contro: {N}.",
    "Non consiglio {D}: {N} {am} e {N} {am}.",
    "Bisogna {dire|ammettere|ricordare} che {D} {v3} {D}.",
    "Credo che {D} {am} {adv}.",
    "Il servizio {dD} è {am}, {conn} {D} {vi}.",
    "A mio parere {D} non {v3} {D}.",
    "{int} stelle: {N} {am}, {N} {am}.",
    "Chi critica {D} non conosce {D}.",
)

SPANISH = (
    "El {psn} de {City} {compra|mira|tiene|escribe} una {psn} {grande|pequeña|vieja}.",
    "Ayer {First} fue a {City} y no encontró {la casa|el perro|nada}.",
    "¿Dónde está {First}? Está en {City}.",
    "Me gusta {leer|bailar|el pan|la playa}, pero no {el café|la lluvia|correr}.",
    "Cuando era {niño|joven}, {First} vivía en {City} con {int} hermanos.",
    "En {year} mi familia viajó a {City} y compró {int} libros.",
    "Los {psn}s son {buenos|malos|rápidos} y también {psn}s.",
    "Hoy hace mucho {frío|calor} en {City}, ¡qué {psn}!",
    "Mi profesora {First} {Sur} enseña {música|historia} desde {year}.",
    "Después de la {cena|clase} fuimos al {cine|mercado|parque}.",
)

ENGLISH = (
    "The {psn} of {City} {sees|takes|likes|opens} a {psn} {near the river|every day|again}.",
    "{First} has {int} {books|friends|dogs} and a {psn}.",
    "In {year} {Name} moved to {City} with the {psn} team.",
    "Where is the {psn}? It was {here|there|on the table} {int} minutes ago.",
    "I {think|believe|know} that {First} will {come|leave|write} tomorrow.",
    "This {house|street|word|garden} is {old|new|very small}, isn't it?",
    "{Org} said on {Monday|Friday} that {int}% of the {psn}s were {good|lost|new}.",
    "She {wrote|read|found} the {letter|paper} and {closed|opened} the {door|window}.",
    "Breaking: {psn} {psn} in {City}, {int} people {waiting|running}.",
    "If it rains, the {psn} {stays|goes} home.",
)
